#pragma once

namespace gradflow {

/// The whole program. A user's own build registers its models first (flow/registry.hpp) and
/// then calls this, which adds those of gradflow. Returns the exit code: 0 done, 1 a run failed
/// numerically, 2 bad config, option or file, 130 interrupted.
int run_cli(int argc, char** argv);

}  // namespace gradflow
