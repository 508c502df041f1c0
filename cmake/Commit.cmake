# peftlab_commit_header(FILE) makes a rule for a header that defines PEFTLAB_COMMIT: the commit of the checkout, "+" behind it
# where sources differ from it, "" where this is no checkout. It is looked at again when a source or the checkout's head
# changes, and written only where it says something else, so that nothing is compiled in vain.
if(CMAKE_SCRIPT_MODE_FILE)
  cmake_minimum_required(VERSION 3.25)
  set(commit "")
  execute_process(COMMAND git -C "${ROOT}" rev-parse HEAD OUTPUT_VARIABLE head RESULT_VARIABLE failed
    OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(failed EQUAL 0)
    string(SUBSTRING "${head}" 0 12 commit)
    execute_process(COMMAND git -C "${ROOT}" status --porcelain -- core include methods cmake CMakeLists.txt
      OUTPUT_VARIABLE changes ERROR_QUIET)
    if(NOT changes STREQUAL "")
      string(APPEND commit "+")
    endif()
  endif()
  file(CONFIGURE OUTPUT "${OUTPUT}" CONTENT "#define PEFTLAB_COMMIT \"@commit@\"\n" @ONLY)
  return()
endif()

function(peftlab_commit_header file)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/core/*.cpp ${PROJECT_SOURCE_DIR}/core/*.h
    ${PROJECT_SOURCE_DIR}/include/*.h)
  set(head "")
  execute_process(COMMAND git -C "${PROJECT_SOURCE_DIR}" rev-parse --path-format=absolute --git-path logs/HEAD
    OUTPUT_VARIABLE head OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(NOT EXISTS "${head}")
    set(head "")
  endif()
  add_custom_command(OUTPUT ${file}
    COMMAND ${CMAKE_COMMAND} -DROOT=${PROJECT_SOURCE_DIR} -DOUTPUT=${file} -P ${PROJECT_SOURCE_DIR}/cmake/Commit.cmake
    DEPENDS ${sources} ${head} ${PROJECT_SOURCE_DIR}/cmake/Commit.cmake
    COMMENT "Asking which commit this is" VERBATIM)
endfunction()
