# One folder of core/ is one static library; the shared library peftlab is all of them.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

add_library(peftlab_settings INTERFACE)
target_include_directories(peftlab_settings INTERFACE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR})
target_compile_options(peftlab_settings INTERFACE -Wall -Wextra -Wno-unknown-pragmas $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict> $<$<BOOL:${PEFTLAB_WARNINGS_AS_ERRORS}>:-Werror>)

# Most of a compilation is what headers cost, however short the file: several files of a folder are compiled as one. It asks of
# them that no two give one name to different things; the presets for development compile each file by itself.
option(PEFTLAB_UNITY "compile several files of a folder at once" ON)
set(PEFTLAB_UNITY_FILES 8)

# peftlab_folder(io [TORCH] [DEPENDS quant ...] [LIBRARIES target ...])
# builds core/<name>/*.cpp as the static library core_<name>. TORCH gives it libtorch and a precompiled header.
function(peftlab_folder name)
  cmake_parse_arguments(ARG "TORCH" "" "DEPENDS;LIBRARIES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cpp ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*/*.cpp)
  list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")
  if(NOT sources)
    return()
  endif()
  add_library(core_${name} STATIC ${sources})
  set_target_properties(core_${name} PROPERTIES UNITY_BUILD ${PEFTLAB_UNITY} UNITY_BUILD_BATCH_SIZE ${PEFTLAB_UNITY_FILES})
  target_link_libraries(core_${name} PUBLIC peftlab_settings ${ARG_LIBRARIES})
  foreach(other ${ARG_DEPENDS})
    if(TARGET core_${other})
      target_link_libraries(core_${name} PUBLIC core_${other})
    endif()
  endforeach()
  if(ARG_TORCH)
    target_link_libraries(core_${name} PUBLIC peftlab_torch)
    peftlab_precompile(core_${name})
  endif()
  set_property(GLOBAL APPEND PROPERTY PEFTLAB_OBJECTS $<TARGET_OBJECTS:core_${name}>)
  set_property(GLOBAL APPEND PROPERTY PEFTLAB_LIBRARIES ${ARG_LIBRARIES})
endfunction()

# libtorch's headers take most of a compilation: the folders that need them share one precompiled header. It holds what most
# files use and no more: with all of libtorch in it an empty file takes 10 s, with these 2.5 s.
function(peftlab_precompile target)
  if(target STREQUAL core_kernels)
    target_precompile_headers(${target} PRIVATE
      <torch/types.h> <torch/utils.h> <torch/nn/module.h> <torch/csrc/autograd/custom_function.h> <ATen/Parallel.h>)
  else()
    target_precompile_headers(${target} REUSE_FROM core_kernels)
  endif()
endfunction()
