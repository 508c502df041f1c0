# Finds a shared libtorch and makes the target peftlab_torch of it, CPU or CUDA.
#
# libtorch's own package configuration wants the whole CUDA toolkit for a CUDA build, although code that includes no CUDA
# header needs nothing but the libraries. So its libraries, definitions and C++ ABI are taken from its files instead. It is
# looked for in Torch_DIR, then in every folder of CMAKE_PREFIX_PATH, variable and environment, and in the system's places.
# Also used by programs that build methods against an installed peftlab.

set(PEFTLAB_MINIMUM_TORCH 2.6)

function(peftlab_find_torch result)
  set(folders)
  if(Torch_DIR)
    cmake_path(SET own NORMALIZE "${Torch_DIR}/../../..")
    string(REGEX REPLACE "/$" "" own "${own}")
    list(APPEND folders "${own}")
  endif()
  string(REPLACE ":" ";" from_environment "$ENV{CMAKE_PREFIX_PATH}")
  foreach(folder ${folders} ${CMAKE_PREFIX_PATH} ${from_environment} ${ARGN} /usr/local/libtorch /usr/local /usr)
    if(EXISTS "${folder}/share/cmake/Torch/TorchConfig.cmake" AND EXISTS "${folder}/lib/libtorch_cpu.so")
      set(${result} "${folder}" PARENT_SCOPE)
      return()
    endif()
  endforeach()
  message(FATAL_ERROR
          "no shared libtorch was found. Point CMAKE_PREFIX_PATH at one (the folder that holds lib/libtorch.so and share/cmake/Torch; "
          "in a Python environment with torch it is site-packages/torch), or let ./peftlab install its own")
endfunction()

function(peftlab_check_torch_version folder)
  set(PACKAGE_FIND_VERSION ${PEFTLAB_MINIMUM_TORCH})
  include("${folder}/share/cmake/Torch/TorchConfigVersion.cmake")
  if(PACKAGE_VERSION VERSION_LESS PEFTLAB_MINIMUM_TORCH)
    message(FATAL_ERROR
            "libtorch ${PACKAGE_VERSION} was found at ${folder}; peftlab needs ${PEFTLAB_MINIMUM_TORCH} or newer. "
            "Point CMAKE_PREFIX_PATH at a newer one, or unset it and let ./peftlab install its own")
  endif()
  set(PEFTLAB_TORCH_VERSION ${PACKAGE_VERSION} PARENT_SCOPE)
endfunction()

# What code that uses this libtorch is compiled with.
function(peftlab_torch_definitions folder result)
  set(definitions)
  file(STRINGS "${folder}/share/cmake/Caffe2/Caffe2Targets.cmake" lines REGEX "INTERFACE_COMPILE_DEFINITIONS \"[A-Z]")
  foreach(line ${lines})
    string(REGEX REPLACE ".*INTERFACE_COMPILE_DEFINITIONS \"([^\"]*)\".*" "\\1" found "${line}")
    list(APPEND definitions ${found})
  endforeach()
  file(READ "${folder}/share/cmake/Torch/TorchConfig.cmake" configuration)
  if(configuration MATCHES "_GLIBCXX_USE_CXX11_ABI=([01])")
    list(APPEND definitions _GLIBCXX_USE_CXX11_ABI=${CMAKE_MATCH_1})
  endif()
  list(REMOVE_DUPLICATES definitions)
  set(${result} ${definitions} PARENT_SCOPE)
endfunction()

# peftlab_use_torch([FOLDER ...]): FOLDERs are looked at after what the user points to.
function(peftlab_use_torch)
  peftlab_find_torch(folder ${ARGN})
  peftlab_check_torch_version("${folder}")
  peftlab_torch_definitions("${folder}" definitions)
  add_library(peftlab_torch INTERFACE IMPORTED GLOBAL)
  target_compile_definitions(peftlab_torch INTERFACE ${definitions})
  # As system headers, so that warnings look at our own code only.
  target_include_directories(peftlab_torch SYSTEM INTERFACE "${folder}/include" "${folder}/include/torch/csrc/api/include")
  # Devices register themselves when their library is loaded, though nothing refers to it.
  set(registered)
  foreach(name torch_cpu torch_cuda torch_hip torch_xpu torch)
    if(EXISTS "${folder}/lib/lib${name}.so")
      list(APPEND registered "${folder}/lib/lib${name}.so")
    endif()
  endforeach()
  target_link_libraries(peftlab_torch INTERFACE -Wl,--no-as-needed ${registered} -Wl,--as-needed "${folder}/lib/libc10.so")
  # A CUDA build's own libraries lie where only the dynamic linker finds them.
  target_link_options(peftlab_torch INTERFACE -Wl,--allow-shlib-undefined)
  set(PEFTLAB_TORCH_VERSION ${PEFTLAB_TORCH_VERSION} PARENT_SCOPE)
  set(PEFTLAB_TORCH_FOLDER "${folder}" PARENT_SCOPE)
  message(STATUS "libtorch ${PEFTLAB_TORCH_VERSION}: ${folder}")
endfunction()
