# Sources of the pages, models and their dialogs, relative to ui/.
set(HEADGATE_UI_PAGE_SOURCES
    models/cells.h models/cells.cpp
    models/config_models.h models/config_models.cpp
    models/provider_model.cpp
    models/decision_export.h models/decision_export.cpp
    models/decision_table_model.h models/decision_table_model.cpp
    models/pool_tree_model.h models/pool_tree_model.cpp
    models/snapshot_model.h models/snapshot_model.cpp
    dialogs/command_dialog.h dialogs/command_dialog.cpp
    dialogs/key_dialog.h dialogs/key_dialog.cpp
    dialogs/model_dialog.h dialogs/model_dialog.cpp
    dialogs/price_import_dialog.h dialogs/price_import_dialog.cpp
    dialogs/pool_dialog.h dialogs/pool_dialog.cpp
    dialogs/fallback_editor.h dialogs/fallback_editor.cpp
    dialogs/provider_dialog.h dialogs/provider_dialog.cpp
    dialogs/provider_keys_dialog.h dialogs/provider_keys_dialog.cpp
    dialogs/provider_settings_dialog.h dialogs/provider_settings_dialog.cpp
    pages/activity_page.h pages/activity_page.cpp
    pages/budgets_page.h pages/budgets_page.cpp
    pages/catalog_detail.h pages/catalog_detail.cpp
    pages/catalog_page.h pages/catalog_page.cpp
    pages/decision_detail.h pages/decision_detail.cpp
    pages/detail_view.h pages/detail_view.cpp
    pages/keys_page.h pages/keys_page.cpp
    pages/page_parts.h pages/page_parts.cpp
    pages/pool_detail.h pages/pool_detail.cpp
    pages/story_sections.h pages/story_sections.cpp)
