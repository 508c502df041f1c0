# peftlab_add_method(NAME SOURCE...) builds a method as the shared library NAME.so, by the target method_NAME.
#
# It shows the host nothing but what it exports on purpose, and every symbol it uses must be found when it is linked, so
# that a mistake is the linker's message and not one at run time. Used for peftlab's own methods and, by
# find_package(peftlab), for anybody's.
function(peftlab_add_method name)
  if(NOT name MATCHES "^[a-z][a-z0-9_]*$")
    message(FATAL_ERROR "peftlab_add_method: got the name '${name}', expected small letters, digits and '_'")
  endif()
  if(NOT ARGN)
    message(FATAL_ERROR "peftlab_add_method(${name}): expected at least one source file")
  endif()
  add_library(method_${name} MODULE ${ARGN})
  set_target_properties(method_${name} PROPERTIES
    OUTPUT_NAME ${name} PREFIX "" SUFFIX .so
    CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON CXX_EXTENSIONS OFF
    CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  target_link_libraries(method_${name} PRIVATE peftlab::peftlab)
  if(NOT CMAKE_CXX_FLAGS MATCHES "-fsanitize=")
    target_link_options(method_${name} PRIVATE -Wl,-z,defs)
  endif()
endfunction()
