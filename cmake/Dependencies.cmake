# What peftlab builds on; CONTRIBUTING.md gives the reason for each.

include(Libtorch)
# After what the user points to: the one that ./peftlab has installed.
set(peftlab_cache "$ENV{PEFTLAB_HOME}")
if(NOT peftlab_cache)
  set(peftlab_cache "$ENV{HOME}/.cache/peftlab")
endif()
file(GLOB peftlab_own_torch "${peftlab_cache}/env-torch*/lib/python*/site-packages/torch")
peftlab_use_torch(${peftlab_own_torch})
find_package(Boost 1.74 REQUIRED CONFIG COMPONENTS filesystem)
find_package(nlohmann_json 3.10 REQUIRED)
find_package(Eigen3 3.4 REQUIRED NO_MODULE)
find_package(CLI11 2.1 REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(pcre2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(utf8proc REQUIRED IMPORTED_TARGET libutf8proc)

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # A precompiled header is only cached when ccache may look past its timestamps.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${CCACHE_PROGRAM})
endif()
find_program(MOLD_PROGRAM mold)
if(MOLD_PROGRAM)
  add_link_options(-fuse-ld=mold)
endif()
