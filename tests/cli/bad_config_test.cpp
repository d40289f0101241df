#include <algorithm>

#include "tests/catch.hpp"
#include "tests/cli/refusals.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

std::vector<Case> cases() {
  return {
      // --- not TOML
      {"a value is missing", good + "first =\n", "6:8", {"not valid TOML"}},
      {"a text has no end", "[model]\nname = \"linear\n", "2:15", {"not valid TOML"}},
      {"a key stands twice", good + "end = 20\n", "6:7", {"not valid TOML", "end"}},
      {"a section stands twice", good + "[model]\n", "6:", {"not valid TOML", "model"}},
      {"an unquoted text", "[model]\nname = linear_regression\n", "2:8", {"not valid TOML"}},
      {"a number with two points", good + "first = 1.2.3\n", "6:", {"not valid TOML"}},
      {"a number beyond a double", linear + "[time]\nend = 1e400\n", "4:", {"not valid TOML"}},
      {"an integer beyond 64 bits",
       "seed = 99999999999999999999\n" + good,
       "1:",
       {"not valid TOML"}},
      {"invalid UTF-8 in a comment", good + "# \xff\xfe\n", "6:", {"not valid TOML", "UTF-8"}},
      {"UTF-16", std::string("\xff\xfe[\0m\0]\0", 8), "1:1", {"not valid TOML"}},
      {"a control character in a text", "[model]\nname = \"a\x01\"\n", "2:", {"not valid TOML"}},
      {"a NUL byte", good + std::string("\0", 1), "6:1", {"not valid TOML"}},
      {"an image", std::string("\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16), "1:1", {"not valid TOML"}},

      {"one lambda and one for each group",
       good + "[flow]\nweight_decay = 1e-3\nweight_decays = [1e-3]\n",
       "8:1",
       {"flow.weight_decays", "does not go with flow.weight_decay"}},
      // --- names
      {"an empty file", "", "1:1", {"model.name", "missing", "matrix_completion"}},
      {"no model", time_section, "1:1", {"model.name", "missing", "linear_regression"}},
      {"a model section without a name",
       "[model]\nsamples = 3\n" + time_section,
       "1:2",
       {"model.name", "missing"}},
      {"a misspelt key for the name",
       "[model]\nnmae = \"linear_regression\"\n",
       "2:1",
       {"model.nmae", "did you mean \"name\"?"}},
      {"a misspelt section",
       "[modle]\nname = \"linear_regression\"\n",
       "1:2",
       {"modle", "unknown section", "did you mean \"model\"?"}},
      {"a section in capitals", good + "[Flow]\n", "6:2", {"Flow", "did you mean \"flow\"?"}},
      {"a section of another program",
       good + "[tool.black]\n",
       "6:",
       {"tool", "unknown section", "solver"}},
      {"an unknown key at the top",
       "sede = 1\n" + good,
       "1:1",
       {"sede", "unknown key", "did you mean \"seed\"?"}},
      {"an unknown model",
       "[model]\nname = \"linear_regresion\"\n" + time_section,
       "2:1",
       {"model.name", "did you mean \"linear_regression\"?"}},
      {"a model that is nothing like any",
       "[model]\nname = \"x\"\n" + time_section,
       "2:1",
       {"model.name", "diagonal_linear_network"}},
      {"an unknown key of the model",
       linear + "sampels = 3\n" + time_section,
       "3:1",
       {"model.sampels", "did you mean \"samples\"?"}},
      {"a key of another model",
       linear + "rank = 3\n" + time_section,
       "3:1",
       {"model.rank", "unknown key"}},
      {"a key in the wrong section",
       good + "rtol = 1e-6\n",
       "6:1",
       {"time.rtol", "did you mean \"solver.rtol\"?"}},
      {"a key with a line break", "\"a\\nb\" = 1\n" + good, "1:1", {"unknown key"}},
      {"an unknown observable",
       good + "[output]\nobservables = [\"nrom\"]\n",
       "7:1",
       {"output.observables", "nrom", "did you mean \"norm\"?"}},
      {"an unknown snapshot",
       good + "[output]\nsnapshot_times = [1]\nsnapshot_observables = [\"matrix\"]\n",
       "8:1",
       {"output.snapshot_observables", "matrix", "norm"}},
      {"an unknown flow",
       good + "[flow]\nkind = \"gradeint\"\n",
       "7:1",
       {"flow.kind", "did you mean \"gradient\"?"}},
      {"a flow that the model does not offer",
       good + "[flow]\nkind = \"mirror\"\n",
       "7:1",
       {"flow.kind", "linear_regression", "heavy_ball"}},
      {"two phases with a learning rate for each layer",
       "[model]\nname = \"diagonal_linear_network\"\n[time]\nend = 10\n[flow]\nweight_decay = "
       "1e-3\nlearning_rates = [1, 4]\n[measure]\ntwo_phases = true\n",
       "9:1",
       {"measure.two_phases", "flow.learning_rates"}},
      {"the slow flow with a learning rate for each layer",
       "[model]\nname = \"diagonal_linear_network\"\n[time]\nend = 10\n[flow]\nkind = "
       "\"riemannian\"\nlearning_rates = [1, 4]\n",
       "7:1",
       {"flow.learning_rates", "riemannian"}},
      {"too few probes for an error",
       good + "[measure]\ncurvature_probes = 2\n",
       "7:1",
       {"measure.curvature_probes", "is 2", "3 or more", "0"}},
      {"a single probe",
       good + "[measure]\ncurvature_probes = 1\n",
       "7:1",
       {"measure.curvature_probes", "is 1", "3 or more"}},
      {"a fraction of a probe",
       good + "[measure]\ncurvature_probes = 3.5\n",
       "7:1",
       {"measure.curvature_probes", "3.5", "an integer >= 0"}},
      {"a tolerance for ranks that leaves none",
       good + "[measure]\nrank_tolerance = 1\n",
       "7:1",
       {"measure.rank_tolerance", "1"}},
      {"an unknown method",
       good + "[solver]\nmethod = \"cvod\"\n",
       "7:1",
       {"solver.method", "did you mean \"cvode\"?"}},
      {"a structure that the model does not have",
       good + "[solver]\nlinear = \"structured\"\n",
       "7:1",
       {"solver.linear", "gauss_newton"}},

      // --- types
      {"a model that is a number",
       "model = 3\n" + time_section,
       "1:1",
       {"model", "the integer 3", "[model]"}},
      {"an array of models",
       "[[model]]\nname = \"linear_regression\"\n" + time_section,
       "1:3",
       {"model", "a list", "[model]"}},
      {"a name that is a number",
       "[model]\nname = 3\n" + time_section,
       "2:1",
       {"model.name", "the integer 3", "linear_regression"}},
      {"a size with a point",
       linear + "samples = 3.0\n" + time_section,
       "3:1",
       {"model.samples", "3.0", "an integer >= 1"}},
      {"a size in quotes",
       linear + "samples = \"3\"\n" + time_section,
       "3:1",
       {"model.samples", "\"3\"", "an integer >= 1"}},
      {"a size that is a list",
       linear + "samples = [3]\n" + time_section,
       "3:1",
       {"model.samples", "a list", "an integer"}},
      {"a size that is a table",
       linear + "samples = { a = 1 }\n" + time_section,
       "3:1",
       {"model.samples", "a table", "an integer"}},
      {"a size that is a date",
       linear + "samples = 1979-05-27\n" + time_section,
       "3:1",
       {"model.samples", "a date", "an integer"}},
      {"a number that is a truth value",
       linear + "[time]\nend = true\n",
       "4:1",
       {"time.end", "true", "a number > 0"}},
      {"a truth value that is a number",
       good + "[solver]\nverify = 1\n",
       "7:1",
       {"solver.verify", "true or false"}},
      {"a list with a text among numbers",
       good + "[flow]\nlearning_rates = [1, \"2\"]\n",
       "7:22",
       {"flow.learning_rates", "\"2\"", "numbers"}},
      {"a list of lists",
       good + "[output]\nobservables = [[\"norm\"]]\n",
       "7:16",
       {"output.observables", "a list"}},
      {"a text of a thousand letters",
       good + "[flow]\nkind = \"" + std::string(1000, 'x') + "\"\n",
       "7:1",
       {"flow.kind", "gradient"}},

      // --- ranges
      {"a negative seed", "seed = -1\n" + good, "1:1", {"seed", "-1", "an integer >= 0"}},
      {"no samples",
       linear + "samples = 0\n" + time_section,
       "3:1",
       {"model.samples", "an integer >= 1"}},
      {"a negative decay",
       good + "[flow]\nweight_decay = -1e-3\n",
       "7:1",
       {"flow.weight_decay", "-0.001", "a number >= 0"}},
      {"a tolerance of zero",
       good + "[solver]\nrtol = 0\n",
       "7:1",
       {"solver.rtol", "a number > 0"}},
      {"a tolerance that tolerates everything",
       good + "[solver]\nrtol = 10\n",
       "7:1",
       {"solver.rtol", "10.0", "a number > 0 and <= 0.1"}},
      {"a tolerance that is no number",
       good + "[solver]\nrtol = nan\n",
       "7:1",
       {"solver.rtol", "nan", "a number > 0"}},
      {"an infinite end",
       linear + "[time]\nend = inf\n",
       "4:1",
       {"time.end", "inf", "a number > 0"}},
      {"an end before the first sample",
       good + "first = 20\n",
       "6:1",
       {"time.first", "20", "time.end"}},
      {"more than everything observed",
       completion + "observed = 1.5\n" + time_section,
       "3:1",
       {"model.observed", "<= 1"}},
      {"nothing observed",
       completion + "observed = 1e-4\n" + time_section,
       "3:1",
       {"model.observed", "no entry"}},
      {"a rank above the size",
       completion + "rows = 3\ntrue_rank = 5\n" + time_section,
       "4:1",
       {"model.true_rank", "5", "3"}},
      {"a teacher outside the dimension",
       diagonal + "dimension = 5\nteacher_support = [5]\n" + time_section,
       "4:1",
       {"model.teacher_support", "5", "from 0 to 4"}},
      {"fewer values than support",
       diagonal + "teacher_support = [0, 1]\nteacher_values = [1]\n" + time_section,
       "4:1",
       {"model.teacher_values", "1 entries", "2"}},
      {"a dimension that the features fix",
       diagonal + "features = \"fourier\"\ndimension = 5\n" + time_section,
       "4:1",
       {"model.dimension", "61"}},
      {"rates for more layers than there are",
       good + "[flow]\nlearning_rates = [1, 2]\n",
       "7:1",
       {"flow.learning_rates", "2 entries", "expected 1"}},
      {"a snapshot after the end",
       good + "[output]\nsnapshot_times = [100]\nsnapshot_observables = [\"norm\"]\n",
       "7:1",
       {"output.snapshot_times", "100", "time.end"}},
      {"snapshots without times",
       good + "[output]\nsnapshot_observables = [\"norm\"]\n",
       "7:1",
       {"output.snapshot_observables", "output.snapshot_times"}},
      {"no end", linear + "[time]\nsamples = 5\n", "3:2", {"time.end", "missing"}},
      {"no section for the time", linear, "1:1", {"time.end", "missing"}},
      {"slow time without a decay",
       good + "variable = \"slow\"\n",
       "6:1",
       {"time.variable", "flow.weight_decay"}},
      {"mirror flow's time without it",
       good + "variable = \"accelerated\"\n",
       "6:1",
       {"time.variable", "mirror"}},
      {"a slow end beyond all times",
       linear + "[flow]\nweight_decay = 1e-300\n[time]\nvariable = \"slow\"\nend = 1e10\n",
       "7:1",
       {"time.end"}},
      {"a step longer than the run",
       good + "[flow]\nkind = \"gradient_descent\"\nstep = 100\n",
       "4:1",
       {"time.end", "flow.step"}},
      {"more steps than can be counted",
       linear + "[flow]\nkind = \"gradient_descent\"\nstep = 0.5\n[time]\nend = 1e300\n",
       "7:1",
       {"time.end", "flow.step = 0.5", "at most 1e+12 steps"}},

      // --- sizes that no machine has
      {"a matrix of 80 TB",
       linear + "samples = 1000000\ndimension = 10000000\n" + time_section,
       "4:1",
       {"model.dimension", "10000000", "memory"}},
      {"a size whose square overflows",
       linear + "samples = 1000000000000\ndimension = 1000000000000\n" + time_section,
       "3:1",
       {"model.samples", "1000000000000", "memory"}},
      {"a size near the end of the integers",
       linear + "samples = 9223372036854775807\n" + time_section,
       "3:1",
       {"model.samples", "at most"}},
      {"features without number",
       diagonal + "features = \"fourier\"\nfrequencies = 900000000000\n" + time_section,
       "4:1",
       {"model.frequencies", "900000000000", "memory"}},
      {"a size of an axis",
       good + "[study]\n\"model.samples\" = [2, 1000000000000]\n",
       "7:1",
       {"model.samples", "1000000000000", "memory"}},

      // --- files
      {"a missing file",
       linear + "inputs = \"nothing.csv\"\n" + time_section,
       "3:1",
       {"model.inputs", "nothing.csv", "does not exist"}},
      {"a missing file without an ending",
       linear + "initial = \"results/nothing\"\n" + time_section,
       "3:1",
       {"model.initial", "results/nothing", "does not exist"}},
      {"a folder for data",
       linear + "inputs = \".\"\n" + time_section,
       "3:1",
       {"model.inputs", "is a folder", "a .npy, .csv or IDX file"}},
      {"targets of inputs that are not there",
       two_layer + "targets = \"five.csv\"\n" + time_section,
       "3:1",
       {"model.targets", "is there without model.inputs"}},
      {"a file of no known format",
       linear + "inputs = \"bad.toml\"\n" + time_section,
       "3:1",
       {"model.inputs", ".npy"}},
      {"NaN in the data",
       linear + "inputs = \"nan.csv\"\n" + time_section,
       "3:1",
       {"model.inputs", "nan.csv:2:1", "not a finite number"}},
      {"a word in the data",
       linear + "inputs = \"word.csv\"\n" + time_section,
       "3:1",
       {"model.inputs", "word.csv:2:2", "not a number"}},
      {"lines of different lengths",
       linear + "inputs = \"ragged.csv\"\n" + time_section,
       "3:1",
       {"model.inputs", "ragged.csv:2"}},
      {"an empty data file",
       linear + "inputs = \"empty.csv\"\n" + time_section,
       "3:1",
       {"model.inputs", "no numbers"}},
      {"a broken .npy",
       linear + "inputs = \"broken.npy\"\n" + time_section,
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
       linear + "samples = 5\ninputs = \"x.csv\"\n" + time_section,
       "3:1",
       {"model.samples", "is 5", "fixes it at 4"}},
      {"a target too many",
       linear + "inputs = \"x.csv\"\ntargets = \"five.csv\"\n" + time_section,
       "4:1",
       {"model.targets", "5", "4"}},
      {"a matrix for a vector",
       linear + "targets = \"x.csv\"\n" + time_section,
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
       linear + "initial = \".\"\n" + time_section,
       "3:1",
       {"model.initial", "a folder without result.nc"}},

      // --- studies
      {"a study without axes", good + "[study]\n", "6:2", {"study", "no axis"}},
      {"a study that is a list", "study = []\n" + good, "1:1", {"study", "a list", "[study]"}},
      {"an axis without values", good + "[study]\nseed = []\n", "7:1", {"study.seed", "empty"}},
      {"a range of nothing",
       good + "[study]\nseed = { count = 0 }\n",
       "7:10",
       {"study.seed", "count", "an integer >= 1"}},
      {"an unknown axis",
       good + "[study]\n\"flow.weight_decy\" = [1]\n",
       "7:1",
       {"study.flow.weight_decy", "did you mean \"weight_decay\"?"}},
      {"an unknown range",
       good + "[study]\n\"flow.weight_decay\" = { lg = [1, 2, 3] }\n",
       "7:25",
       {"study.flow.weight_decay", "did you mean \"log\"?"}},
      {"two ranges in one",
       good + "[study]\n\"flow.weight_decay\" = { log = [1, 2, 3], count = 3 }\n",
       "7:1",
       {"study.flow.weight_decay", "log", "linear", "count"}},
      {"a range with a bound too few",
       good + "[study]\n\"flow.weight_decay\" = { log = [1, 2] }\n",
       "7:25",
       {"study.flow.weight_decay", "[first, last, count]"}},
      {"a logarithmic range from zero",
       good + "[study]\n\"flow.weight_decay\" = { log = [0, 1, 3] }\n",
       "7:25",
       {"study.flow.weight_decay", "> 0"}},
      {"an axis out of range",
       good + "[study]\n\"flow.weight_decay\" = [1, -1]\n",
       "7:1",
       {"study.flow.weight_decay", "-1", "a number >= 0"}},
      {"an axis with a text among numbers",
       good + "[study]\n\"flow.weight_decay\" = [1, \"2\"]\n",
       "7:1",
       {"study.flow.weight_decay", "\"2\"", "a number"}},
      {"an axis with a value twice",
       good + "[study]\n\"model.samples\" = [3, 2, 3]\n",
       "7:1",
       {"study.model.samples", "3 twice", "each value once"}},
      {"an axis with a number in two spellings",
       good + "[study]\n\"flow.weight_decay\" = [1, 1.0]\n",
       "7:1",
       {"study.flow.weight_decay", "1.0 twice"}},
      {"a range of halves of a sample",
       good + "[study]\n\"model.samples\" = { linear = [1, 2, 4] }\n",
       "7:1",
       {"study.model.samples", "1 twice", "not of whole numbers"}},
      {"exponents along texts",
       good + "[study]\n\"solver.method\" = [\"cvode\", \"dopri5\"]\n"
              "[measure]\nexponents = [\"wall_seconds\"]\n",
       "9:1",
       {"measure.exponents", "an axis of numbers", "method"}},
      {"a band of losses with nothing in it",
       good + "stop_train_loss = 0.2\nstop_train_loss_above = 0.2\n",
       "7:1",
       {"time.stop_train_loss_above", "is 0.2", "above time.stop_train_loss = 0.2"}},
      {"a negative bound of the loss",
       good + "stop_train_loss_above = -1\n",
       "6:1",
       {"time.stop_train_loss_above", "-1", "a number >= 0"}},
      {"Arrhenius without temperatures",
       good + "stop_train_loss = 0.2\n[flow]\nkind = \"langevin\"\ntemperature = 0.1\n"
              "[study]\nseed = { count = 3 }\n[measure]\narrhenius = true\n",
       "13:1",
       {"measure.arrhenius", "the axis \"flow.temperature\""}},
      {"Arrhenius of a flow without noise",
       good + "stop_train_loss = 0.2\n[study]\n\"flow.temperature\" = [0.1, 0.2]\n"
              "[measure]\narrhenius = true\n",
       "10:1",
       {"measure.arrhenius", "langevin", "\"gradient\" has no temperature"}},
      {"Arrhenius of runs that nothing ends",
       good + "[flow]\nkind = \"langevin\"\n[study]\n\"flow.temperature\" = [0.1, 0.2]\n"
              "[measure]\narrhenius = true\n",
       "11:1",
       {"measure.arrhenius", "time.stop_train_loss_above"}},
      {"batches of more samples than there are",
       linear + "samples = 4\n" + time_section + "[flow]\nkind = \"sgd\"\nbatch = 5\n",
       "9:1",
       {"flow.batch", "is 5", "4 samples"}},
      {"batches of a target without samples",
       "[model]\nname = \"deep_linear_network\"\n" + time_section + "[flow]\nkind = \"sgd\"\n",
       "7:1",
       {"flow.kind", "model.samples"}},
      {"an axis that is one number",
       good + "[study]\n\"flow.weight_decay\" = 1\n",
       "7:1",
       {"study.flow.weight_decay", "a list"}},
      {"an axis of fractions of a sample",
       good + "[study]\n\"model.samples\" = [1.5]\n",
       "7:1",
       {"study.model.samples", "1.5", "an integer"}},
      {"an axis of models",
       good + "[study]\n\"model.name\" = [\"linear_regression\"]\n",
       "7:1",
       {"study.model.name", "axis"}},
      {"the same axis twice", good + "[study]\nseed = [1]\n\"seed\" = [2]\n", "8:", {"seed"}},
      {"the same axis in two spellings",
       good + "[study]\nflow.weight_decay = [1]\n\"flow.weight_decay\" = [2]\n",
       "8:1",
       {"study.flow.weight_decay", "7:6"}},
      {"one bad value of an axis",
       good + "[study]\n\"model.inputs\" = [\"x.csv\", \"nan.csv\"]\n",
       "7:1",
       {"model.inputs", "nan.csv:2:1"}},
      {"one value of an axis that does not fit",
       completion + "rows = 4\n" + time_section + "[study]\n\"model.true_rank\" = [3, 6]\n",
       "8:1",
       {"model.true_rank", "6", "4"}},
      {"a study of more points than memory",
       good + "[study]\nseed = { count = 100000 }\n\"flow.weight_decay\" = { linear = [0, 1, "
              "100000] }\n",
       "8:1",
       {"study.flow.weight_decay", "points", "1000000"}},

      // --- --set
      {"--set without a value", good, "", {"--set seed", "KEY=VALUE"}, {"--set", "seed"}},
      {"--set without a key", good, "", {"--set =3", "KEY=VALUE"}, {"--set", "=3"}},
      {"--set with a text without quotes",
       good,
       "",
       {"solver.method", "quotes"},
       {"--set", "solver.method=cvode"}},
      {"--set with an unknown key",
       good,
       "",
       {"flow.weight_decy", "did you mean \"weight_decay\"?"},
       {"--set", "flow.weight_decy=1"}},
      {"--set with a value out of range",
       good,
       "",
       {"flow.weight_decay", "-1", "a number >= 0"},
       {"--set", "flow.weight_decay=-1"}},
      {"--set with two lines", good, "", {"seed", "TOML"}, {"--set", "seed=1\nx=2"}},
      {"--set of a section to a number",
       good,
       "",
       {"model", "the integer 3"},
       {"--set", "model=3"}},
      {"--set below a number", good, "", {"seed"}, {"--set", "seed.x=3"}},
      {"--set with bytes that are no text", good, "", {"--set"}, {"--set", "seed=\xff"}},
      {"--set of an axis to nothing",
       good,
       "",
       {"study.seed", "empty"},
       {"--set", "study.seed=[]"}},

      {"--set of a key that is an axis",
       good + "[study]\n\"flow.weight_decay\" = [1, 2]\n",
       "",
       {"--set flow.weight_decay=3", "is an axis of the study", "\"study.flow.weight_decay\""},
       {"--set", "flow.weight_decay=3"}},

      // --- options
      {"no jobs", good, "", {"--jobs"}, {"--jobs", "0"}},
      {"jobs in words",
       good,
       "",
       {"--jobs", "\"two\"", "an integer from 1 to 4096"},
       {"--jobs", "two"}},
      {"an unknown option", good, "", {"no option --fast", "--quiet"}, {"--fast"}},
      {"a misspelt option",
       good,
       "",
       {"no option --jbos", "did you mean \"--jobs\"?"},
       {"--jbos", "2"}},
      {"a second config", good, "", {"other.toml", "too many"}, {"other.toml"}},
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

TEST_CASE("A bad config ends with exit code 2 and one line that says where, what and what else") {
  const Scratch scratch;
  write_data(scratch);
  const std::vector<Case> all = cases();
  REQUIRE(all.size() >= 40);
  check_cases(all, scratch);
}

TEST_CASE("A config that is not there, or is no file, is refused in one line") {
  const Scratch scratch;
  for (const std::string path :
       {"nothing.toml", ".", "", "no/such/folder/x.toml", "\xff\xfe.toml"}) {
    INFO(path);
    check_refused(call({"run", path, "--out", "result"}, scratch.path));
    check_refused(call({"check", path}, scratch.path));
  }
  CHECK(fs::is_empty(scratch.path));
}

TEST_CASE("An exponent of a number that no run has is refused before any run") {
  const Scratch scratch;
  const std::string study = diagonal + time_section +
                            "[study]\n\"flow.weight_decay\" = [0.1, 0.2, 0.4]\n"
                            "[measure]\nexponents = [\"";
  const auto said_of = [&](const std::string& name) -> std::string {
    scratch.write("bad.toml", study + name + "\"]\n");
    check_refused(call({"check", "bad.toml"}, scratch.path));
    const Finished bad = call({"run", "bad.toml", "--out", "result"}, scratch.path);
    check_refused(bad);
    CHECK_FALSE(fs::exists(scratch / "result"));
    return bad.err;
  };
  CHECK_THAT(said_of("fit_tme"),
             Catch::Contains("bad.toml:9:1: measure.exponents: has \"fit_tme\", "
                             "which is no number of a run; did you mean "
                             "\"fit_time\"?"));
  CHECK_THAT(said_of("slow_error"),
             Catch::Contains("has \"slow_error\", which no run here has: the measurement "
                             "\"two_phases\" (measure.two_phases, measure.fast_end, "
                             "measure.slow_window) is not taken"));
  // One point of many that has the number will do.
  scratch.write("good.toml", diagonal + time_section +
                                 "[study]\n\"flow.weight_decay\" = [0, 0.2, 0.4]\n"
                                 "[measure]\nexponents = [\"grok_time\", \"end_time\"]\n");
  call_ok({"run", "good.toml", "--out", "result", "--quiet"}, scratch.path);
}

TEST_CASE("A folder that cannot be written to is refused in one line") {
  const Scratch scratch;
  scratch.write("good.toml", good);
  scratch.write("file", "");
  for (const std::string out : {"file", "file/below", "/dev/null/x", "/proc/gradflow"}) {
    INFO(out);
    const Finished result = call({"run", "good.toml", "--out", out}, scratch.path);
    check_refused(result);
    CHECK(result.err.find(out) != std::string::npos);
  }
}

TEST_CASE("Commands and names that do not exist are refused in one line with the nearest one") {
  const Scratch scratch;
  const auto says = [&](const std::vector<std::string>& arguments, const std::string& word) {
    const Finished result = call(arguments, scratch.path);
    check_refused(result);
    INFO(result.err);
    CHECK(result.err.find(word) != std::string::npos);
  };
  says({"rnu", "x.toml"}, "did you mean \"run\"?");
  says({"models", "linear_regresion"}, "did you mean \"linear_regression\"?");
  says({"models", "nothing"}, "expected one of linear_regression, ");
  says({"xyz"}, "expected one of run, status, collect, check, ");
  says({"plot", "nothing"}, "result.nc");
  says({"figures", "nothing"}, "expected one of grokking, ");
  says({"figures", "timescale"}, "did you mean \"timescales\"?");
  says({"run"}, "CONFIG");
  CHECK(fs::is_empty(scratch.path));
}
