# What peftlab builds on; CONTRIBUTING.md gives the reason for each.

set(PEFTLAB_MINIMUM_TORCH 2.6)
find_package(Torch REQUIRED)
if(Torch_VERSION VERSION_LESS PEFTLAB_MINIMUM_TORCH)
  message(FATAL_ERROR
          "libtorch ${Torch_VERSION} was found at ${TORCH_INSTALL_PREFIX}; peftlab needs ${PEFTLAB_MINIMUM_TORCH} or newer. "
          "Point CMAKE_PREFIX_PATH at a newer one, or unset it and let ./peftlab install its own")
endif()
find_package(Boost 1.74 REQUIRED COMPONENTS filesystem)
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
