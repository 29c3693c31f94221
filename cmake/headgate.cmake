# Compiler flags, dependencies and the two functions every folder uses:
# headgate_library(NAME SOURCES… LINKS…) and headgate_test(NAME SOURCES… LINKS… LABEL…).

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    # Precompiled headers and ccache agree only with this sloppiness (ccache manual, "Precompiled headers").
    set(CMAKE_CXX_COMPILER_LAUNCHER
        ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
        CCACHE_NOHASHDIR=1 ${CCACHE_PROGRAM})
endif()

find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json)
find_package(OpenSSL REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(simdjson REQUIRED)
find_package(spdlog REQUIRED)
find_package(fmt REQUIRED)
find_package(CLI11 REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(RE2 REQUIRED IMPORTED_TARGET re2)
find_package(Qt6 6.4 REQUIRED COMPONENTS Core)
if(HEADGATE_CONSOLE)
    find_package(Qt6 6.4 REQUIRED COMPONENTS Widgets Charts Svg Network PrintSupport LinguistTools)
endif()
if(HEADGATE_TESTS)
    find_package(Qt6 6.4 REQUIRED COMPONENTS Test)
endif()

add_library(headgate_flags INTERFACE)
target_include_directories(headgate_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(headgate_flags INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wold-style-cast -Woverloaded-virtual
    -Wnull-dereference $<$<BOOL:${HEADGATE_WERROR}>:-Werror>)
target_compile_definitions(headgate_flags INTERFACE
    _GLIBCXX_ASSERTIONS QT_NO_CAST_FROM_ASCII QT_NO_CAST_TO_ASCII
    QT_NO_NARROWING_CONVERSIONS_IN_CONNECT QT_NO_KEYWORDS
    BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_HAS_CO_AWAIT BOOST_ASIO_HAS_STD_COROUTINE
    SPDLOG_FMT_EXTERNAL
    HEADGATE_VERSION="${PROJECT_VERSION}")
if(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
    target_compile_options(headgate_flags INTERFACE -fstack-protector-strong -fstack-clash-protection
        $<$<NOT:$<BOOL:${HEADGATE_SANITIZE}>>:-U_FORTIFY_SOURCE>
        $<$<NOT:$<BOOL:${HEADGATE_SANITIZE}>>:-D_FORTIFY_SOURCE=2>)
    target_link_options(headgate_flags INTERFACE -Wl,-z,relro,-z,now)
endif()
if(HEADGATE_SANITIZE)
    target_compile_options(headgate_flags INTERFACE -fsanitize=${HEADGATE_SANITIZE} -fno-omit-frame-pointer)
    target_link_options(headgate_flags INTERFACE -fsanitize=${HEADGATE_SANITIZE})
    # gcc 12 reports false null dereferences inside sanitizer-instrumented standard headers.
    target_compile_options(headgate_flags INTERFACE -Wno-null-dereference -Wno-maybe-uninitialized)
endif()

# Third-party headers are not ours to warn about.
add_library(headgate_boost INTERFACE)
target_link_libraries(headgate_boost INTERFACE Boost::json Threads::Threads)

function(headgate_library name)
    cmake_parse_arguments(ARG "" "" "SOURCES;LINKS;PRIVATE_LINKS;PCH" ${ARGN})
    add_library(${name} STATIC ${ARG_SOURCES})
    target_link_libraries(${name} PUBLIC headgate_flags ${ARG_LINKS} PRIVATE ${ARG_PRIVATE_LINKS})
    if(ARG_PCH)
        target_precompile_headers(${name} PRIVATE ${ARG_PCH})
    endif()
endfunction()

# One Qt Test program. LABEL is the ctest label (unit, arch, prop, proxy, clients, ui, security, sim).
function(headgate_test name)
    cmake_parse_arguments(ARG "GUI" "LABEL;TIMEOUT" "SOURCES;LINKS;ENV" ${ARGN})
    add_executable(${name} ${ARG_SOURCES})
    set_target_properties(${name} PROPERTIES AUTOMOC ON)
    target_link_libraries(${name} PRIVATE headgate_flags ${ARG_LINKS} Qt6::Test)
    target_compile_definitions(${name} PRIVATE HEADGATE_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
        HEADGATE_BINARY_DIR="${CMAKE_BINARY_DIR}")
    add_test(NAME ${name} COMMAND ${name})
    if(NOT ARG_LABEL)
        set(ARG_LABEL unit)
    endif()
    if(NOT ARG_TIMEOUT)
        set(ARG_TIMEOUT 120)
    endif()
    set_tests_properties(${name} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT}
        ENVIRONMENT "QT_QPA_PLATFORM=offscreen;${ARG_ENV}")
endfunction()
