# Run at every build, so that the commit recorded in results is the one that was built. The header
# is only rewritten when it changes.
execute_process(COMMAND git -C ${SOURCE} describe --always --dirty --abbrev=12
                OUTPUT_VARIABLE GRADFLOW_COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT GRADFLOW_COMMIT)
  set(GRADFLOW_COMMIT "unknown")
endif()
configure_file(${SOURCE}/cmake/gradflow_version.hpp.in ${OUTPUT} @ONLY)
