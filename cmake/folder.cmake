# A folder of the library's sources.
#
#   gradflow_folder(NAME [COLD] BATCH N FILES ... [ALONE ...])
#
# The FILES are compiled N at a time (GRADFLOW_UNITY): half of the time of a small file goes into the
# headers it shares with its neighbours. N is such that a batch takes at most 700 MB; what takes much
# by itself, and what cannot share a batch, is compiled ALONE. Where nothing takes time but the
# program's own start and its files (COLD), the optimiser saves its pains.
function(gradflow_folder name)
  cmake_parse_arguments(PARSE_ARGV 1 folder "COLD" "BATCH" "FILES;ALONE")
  set(target gradflow_${name})
  add_library(${target} OBJECT ${folder_FILES} ${folder_ALONE})
  set_target_properties(${target} PROPERTIES UNITY_BUILD ${GRADFLOW_UNITY}
                                             UNITY_BUILD_BATCH_SIZE ${folder_BATCH})
  set_source_files_properties(${folder_ALONE} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  target_link_libraries(${target} PRIVATE gradflow_sources)
  # A precompiled header is of one level of optimisation: the first folder of each level makes it.
  if(folder_COLD)
    target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
    set(level cold)
  else()
    set(level hot)
  endif()
  get_property(owner GLOBAL PROPERTY gradflow_${level}_header)
  if(owner)
    target_precompile_headers(${target} REUSE_FROM ${owner})
  else()
    target_precompile_headers(${target} PRIVATE ${PROJECT_SOURCE_DIR}/src/numerics/precompiled.hpp)
    set_property(GLOBAL PROPERTY gradflow_${level}_header ${target})
  endif()
  target_sources(gradflow_core PRIVATE $<TARGET_OBJECTS:${target}>)
endfunction()

# Files that gradflow_fuzz reads with, which then tell it what code an input reaches.
function(gradflow_covered_by_fuzz)
  if(GRADFLOW_SANITIZE STREQUAL "address")
    set_source_files_properties(${ARGN} PROPERTIES COMPILE_OPTIONS -fsanitize-coverage=trace-pc)
  endif()
endfunction()
