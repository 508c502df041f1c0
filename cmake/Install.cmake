# A prefix that can be moved: the program and the library find each other by $ORIGIN. libtorch stays where it is and is
# found by its recorded place.

include(GNUInstallDirs)
set(CMAKE_INSTALL_LIBDIR lib)
set(PEFTLAB_INSTALL_CMAKE ${CMAKE_INSTALL_LIBDIR}/cmake/peftlab)
set(PEFTLAB_INSTALL_METHODS ${CMAKE_INSTALL_LIBDIR}/peftlab/methods)

set_target_properties(peftlab PROPERTIES INSTALL_RPATH "$ORIGIN;${PEFTLAB_TORCH_FOLDER}/lib")
set_target_properties(peftlab_program PROPERTIES INSTALL_RPATH "$ORIGIN/../lib;${PEFTLAB_TORCH_FOLDER}/lib")
install(TARGETS peftlab LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS peftlab_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

get_property(methods DIRECTORY ${PROJECT_SOURCE_DIR}/methods PROPERTY BUILDSYSTEM_TARGETS)
list(FILTER methods INCLUDE REGEX "^method_")
foreach(method ${methods})
  set_target_properties(${method} PROPERTIES INSTALL_RPATH "$ORIGIN/../..;${PEFTLAB_TORCH_FOLDER}/lib")
  install(TARGETS ${method} LIBRARY DESTINATION ${PEFTLAB_INSTALL_METHODS})
endforeach()

install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/peftlab DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(DIRECTORY ${PROJECT_SOURCE_DIR}/experiments DESTINATION ${CMAKE_INSTALL_DATADIR}/peftlab PATTERN "results" EXCLUDE)
install(PROGRAMS ${PROJECT_SOURCE_DIR}/scripts/fetch.py DESTINATION ${CMAKE_INSTALL_DATADIR}/peftlab/scripts)
install(FILES ${PROJECT_SOURCE_DIR}/scripts/inert_backend.py DESTINATION ${CMAKE_INSTALL_DATADIR}/peftlab/scripts)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/peftlab)

include(CMakePackageConfigHelpers)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/peftlabConfig.cmake.in ${PROJECT_BINARY_DIR}/peftlabConfig.cmake
                              INSTALL_DESTINATION ${PEFTLAB_INSTALL_CMAKE} NO_CHECK_REQUIRED_COMPONENTS_MACRO
                              PATH_VARS CMAKE_INSTALL_LIBDIR CMAKE_INSTALL_INCLUDEDIR)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/peftlabConfigVersion.cmake COMPATIBILITY SameMinorVersion)
# The build itself is found in the same place below it, so that methods can be built against it without installing.
set(PEFTLAB_BUILD_CMAKE ${PROJECT_BINARY_DIR}/${PEFTLAB_INSTALL_CMAKE})
block(SCOPE_FOR VARIABLES)
  set(PACKAGE_INIT "")
  set(PACKAGE_CMAKE_INSTALL_LIBDIR ${PROJECT_BINARY_DIR}/core)
  set(PACKAGE_CMAKE_INSTALL_INCLUDEDIR ${PROJECT_SOURCE_DIR}/include)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/peftlabConfig.cmake.in ${PEFTLAB_BUILD_CMAKE}/peftlabConfig.cmake @ONLY)
endblock()
file(COPY ${PROJECT_BINARY_DIR}/peftlabConfigVersion.cmake ${PROJECT_SOURCE_DIR}/cmake/Libtorch.cmake
          ${PROJECT_SOURCE_DIR}/cmake/AddMethod.cmake DESTINATION ${PEFTLAB_BUILD_CMAKE})
install(FILES ${PROJECT_BINARY_DIR}/peftlabConfig.cmake ${PROJECT_BINARY_DIR}/peftlabConfigVersion.cmake
              ${PROJECT_SOURCE_DIR}/cmake/Libtorch.cmake ${PROJECT_SOURCE_DIR}/cmake/AddMethod.cmake
        DESTINATION ${PEFTLAB_INSTALL_CMAKE})
