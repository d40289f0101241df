#include "tests/catch.hpp"
#include "tests/cli/refusals.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

std::vector<Case> file_cases() {
  return {
      {"a missing file",
       linear_model + "inputs = \"nothing.csv\"\n" + time_section,
       "3:1",
       {"model.inputs", "nothing.csv", "does not exist"}},
      {"a missing file without an ending",
       linear_model + "initial = \"results/nothing\"\n" + time_section,
       "3:1",
       {"model.initial", "results/nothing", "does not exist"}},
      {"a folder for data",
       linear_model + "inputs = \".\"\n" + time_section,
       "3:1",
       {"model.inputs", "is a folder", "a .npy, .csv or IDX file"}},
      {"targets of inputs that are not there",
       two_layer + "targets = \"five.csv\"\n" + time_section,
       "3:1",
       {"model.targets", "is there without model.inputs"}},
      {"a file of no known format",
       linear_model + "inputs = \"bad.toml\"\n" + time_section,
       "3:1",
       {"model.inputs", ".npy"}},
      {"NaN in the data",
       linear_model + "inputs = \"nan.csv\"\n" + time_section,
       "3:1",
       {"model.inputs", "nan.csv:2:1", "not a finite number"}},
      {"a word in the data",
       linear_model + "inputs = \"word.csv\"\n" + time_section,
       "3:1",
       {"model.inputs", "word.csv:2:2", "not a number"}},
      {"lines of different lengths",
       linear_model + "inputs = \"ragged.csv\"\n" + time_section,
       "3:1",
       {"model.inputs", "ragged.csv:2"}},
      {"an empty data file",
       linear_model + "inputs = \"empty.csv\"\n" + time_section,
       "3:1",
       {"model.inputs", "no numbers"}},
      {"a broken .npy",
       linear_model + "inputs = \"broken.npy\"\n" + time_section,
       "3:1",
       {"model.inputs", "not a .npy file"}},
      {"an IDX file that is cut off",
       perceptron + "widths = [4, 3, 2]\ninputs = \"cut.idx\"\n" + time_section,
       "4:1",
       {"model.inputs", "cut.idx", "cut off", "(2, 2, 2)"}},
      {"a gzipped IDX file that is not gzipped",
       perceptron + "widths = [4, 3, 2]\ninputs = \"images.idx.gz\"\n" + time_section,
       "4:1",
       {"model.inputs", "images.idx.gz", "is not a gzip file"}},
      {"an IDX file of another program",
       perceptron + "widths = [4, 3, 2]\ninputs = \"foreign-ubyte\"\n" + time_section,
       "4:1",
       {"model.inputs", "foreign-ubyte", "is not an IDX file"}},
      {"labels and images that differ in number",
       perceptron + "widths = [4, 3, 2]\nloss = \"cross_entropy\"\ninputs = \"images.idx\"\n" +
           "labels = \"three.idx\"\n" + time_section,
       "6:1",
       {"model.labels", "has 3 entries", "2 samples"}},
      {"a class that no label has",
       perceptron + "widths = [4, 3, 2]\nloss = \"cross_entropy\"\ninputs = \"images.idx\"\n" +
           "labels = \"two.idx\"\nclasses = [7, 8]\n" + time_section,
       "7:1",
       {"model.classes", "has 8", "no entry of model.labels"}},
      {"a class that stands twice",
       perceptron + "widths = [4, 3, 2]\nloss = \"cross_entropy\"\ninputs = \"images.idx\"\n" +
           "labels = \"two.idx\"\nclasses = [7, 7]\n" + time_section,
       "7:1",
       {"model.classes", "has 7 twice"}},
      {"more classes than outputs",
       perceptron + "widths = [4, 3, 2]\nloss = \"cross_entropy\"\ninputs = \"images.idx\"\n" +
           "labels = \"two.idx\"\nclasses = [7, 8, 9]\n" + time_section,
       "7:1",
       {"model.classes", "has 3 entries", "ends with 2"}},
      {"more samples than the classes have",
       perceptron + "widths = [4, 3, 2]\nloss = \"cross_entropy\"\ninputs = \"images.idx\"\n" +
           "labels = \"two.idx\"\nclasses = [7, 9]\nsamples = 3\n" + time_section,
       "8:1",
       {"model.samples", "is 3", "2 entries of model.classes"}},
      {"labels beyond the outputs",
       perceptron + "widths = [4, 3, 2]\nloss = \"cross_entropy\"\ninputs = \"images.idx\"\n" +
           "labels = \"two.idx\"\n" + time_section,
       "6:1",
       {"model.labels", "no integer from 0 to 1"}},
      {"classes without labels",
       perceptron + "widths = [4, 3, 2]\nloss = \"cross_entropy\"\nclasses = [7, 8]\n" +
           time_section,
       "5:1",
       {"model.classes", "needs model.labels"}},
      {"clusters for one output",
       perceptron + "teacher = \"clusters\"\n" + time_section,
       "3:1",
       {"model.teacher", "two outputs or more"}},
      {"clusters of inputs from a file",
       perceptron + "widths = [4, 3, 2]\nteacher = \"clusters\"\ninputs = \"images.idx\"\n" +
           time_section,
       "5:1",
       {"model.inputs", "clusters", "draws the inputs"}},
      {"a law of initial weights beside a file of them",
       perceptron +
           "widths = [5, 1]\nbias = false\ninitial = \"five.csv\"\ninitial_law = "
           "\"half_normal\"\n" +
           time_section,
       "6:1",
       {"model.initial_law", "does not go with model.initial"}},
      {"a size that the file contradicts",
       linear_model + "samples = 5\ninputs = \"x.csv\"\n" + time_section,
       "3:1",
       {"model.samples", "is 5", "fixes it at 4"}},
      {"a target too many",
       linear_model + "inputs = \"x.csv\"\ntargets = \"five.csv\"\n" + time_section,
       "4:1",
       {"model.targets", "5", "4"}},
      {"a matrix for a vector",
       linear_model + "targets = \"x.csv\"\n" + time_section,
       "3:1",
       {"model.targets", "(4, 3)", "(n)"}},
      {"a mask of another shape",
       completion + "target = \"x.csv\"\nmask = \"five.csv\"\n" + time_section,
       "4:1",
       {"model.mask", "(5, 1)", "(4, 3)"}},
      {"a mask with a 2",
       completion + "mask = \"x.csv\"\n" + time_section,
       "3:1",
       {"model.mask", "neither 0 nor 1"}},
      {"a rank for a given target",
       completion + "target = \"x.csv\"\ntrue_rank = 2\n" + time_section,
       "4:1",
       {"model.true_rank", "model.target"}},
      {"test inputs without targets",
       diagonal + "test_inputs = \"x.csv\"\n" + time_section,
       "3:1",
       {"model.test_inputs", "test_targets"}},
      {"points for gaussian features",
       diagonal + "points = \"five.csv\"\n" + time_section,
       "3:1",
       {"model.points", "fourier"}},
      {"half a start",
       diagonal + "initial = \"five.csv\"\n" + time_section,
       "3:1",
       {"model.initial", "5", "even"}},
      {"a start from a folder without results",
       linear_model + "initial = \".\"\n" + time_section,
       "3:1",
       {"model.initial", "a folder without result.nc"}},
  };
}

void write_data(const Scratch& scratch) {
  scratch.write("x.csv", "1,2,3\n4,5,6\n7,8,9\n1,0,1\n");
  scratch.write("five.csv", "1\n2\n3\n4\n5\n");
  scratch.write("nan.csv", "1,2\nnan,4\n");
  scratch.write("word.csv", "1,2\n3,four\n");
  scratch.write("ragged.csv", "1,2\n3\n");
  scratch.write("empty.csv", "");
  scratch.write("broken.npy", "not numpy at all");
  const std::string images(
      "\0\0\x08\x03\0\0\0\x02\0\0\0\x02\0\0\0\x02\x01\x02\x03\x04\x05\x06\x07\x08", 24);
  scratch.write("images.idx", images);
  scratch.write("images.idx.gz", images);
  scratch.write("cut.idx", images.substr(0, 20));
  scratch.write("foreign-ubyte", "1,2,3,4\n5,6,7,8\n");
  scratch.write("two.idx", std::string("\0\0\x08\x01\0\0\0\x02\x07\x09", 10));
  scratch.write("three.idx", std::string("\0\0\x08\x01\0\0\0\x03\0\x01\x01", 11));
}

}  // namespace

TEST_CASE("Files that cannot be read, or do not fit, are refused with their place") {
  const Scratch scratch;
  write_data(scratch);
  check_cases(file_cases(), scratch);
}
