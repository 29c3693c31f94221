#include "core/catalog/catalog.h"
