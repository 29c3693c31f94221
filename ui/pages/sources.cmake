# Sources of the pages, models and their dialogs, relative to ui/.
set(HEADGATE_UI_PAGE_SOURCES
)
