# Installs gradflow into a folder of its own, builds examples/own_model against it, and runs that.
# cmake -DBUILD=... -DSOURCE=... -DWORK=... -P own_model.cmake
function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE code OUTPUT_VARIABLE out ERROR_VARIABLE out)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "${ARGV}\n${out}")
  endif()
endfunction()

file(REMOVE_RECURSE ${WORK})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/prefix)
run(${CMAKE_COMMAND} -S ${SOURCE}/examples/own_model -B ${WORK}/build -G Ninja
    -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH=${WORK}/prefix)
run(${CMAKE_COMMAND} --build ${WORK}/build)
run(${WORK}/build/own_model models phase_retrieval)
run(${WORK}/build/own_model run ${SOURCE}/examples/own_model/phase_retrieval.toml
    --out ${WORK}/result --quiet)
if(NOT EXISTS ${WORK}/result/result.nc)
  message(FATAL_ERROR "no result")
endif()

# A study of it: the workers are copies of this program, with its model.
file(READ ${SOURCE}/examples/own_model/phase_retrieval.toml config)
file(WRITE ${WORK}/study.toml "${config}seed = { count = 6 }\n")
run(${WORK}/build/own_model run ${WORK}/study.toml --out ${WORK}/study --jobs 2 --quiet)
execute_process(COMMAND ${WORK}/build/own_model status ${WORK}/study OUTPUT_VARIABLE status)
if(NOT status MATCHES "12 done")
  message(FATAL_ERROR "of 12 points: ${status}")
endif()
