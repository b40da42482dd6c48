# Before cpack makes the archives: what is in the package has the time of the sources, not that of the build.
if(DEFINED ENV{SOURCE_DATE_EPOCH})
  file(GLOB_RECURSE entries LIST_DIRECTORIES TRUE "${CPACK_TEMPORARY_DIRECTORY}/*")
  foreach(entry IN LISTS entries)
    execute_process(COMMAND touch --no-dereference --date=@$ENV{SOURCE_DATE_EPOCH} ${entry} COMMAND_ERROR_IS_FATAL ANY)
  endforeach()
endif()
