#include "tests/catch.hpp"
#include "tests/cli/refusals.hpp"

using namespace gradflow;
using namespace gradflow::testing;

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

TEST_CASE("All that is wrong with a config is told at once, at most ten lines of it") {
  const Scratch scratch;
  scratch.write("four.toml", linear_model +
                                 "sampels = 3\n[time]\nend = -1\n[solver]\nmethod = \"cvod\"\n"
                                 "[study]\n\"flow.weight_decya\" = [1]\n");
  const std::string four = call({"check", "four.toml"}, scratch.path).err;
  CHECK(four ==
        "gradflow: four.toml:3:1: model.sampels: unknown key; did you mean \"samples\"?\n"
        "gradflow: four.toml:5:1: time.end: is -1.0, expected a number > 0\n"
        "gradflow: four.toml:7:1: solver.method: is \"cvod\", expected one of \"auto\", \"cvode\", "
        "\"cvode_adams\", \"rodas\", \"rock4\", \"dopri5\", \"rosenbrock4\"; did you mean "
        "\"cvode\"?\n"
        "gradflow: four.toml:9:1: study.flow.weight_decya: unknown key; did you mean "
        "\"weight_decay\"?\n");
  // What is wrong with the model's data does not hide what is asked of the run.
  scratch.write("two.toml", linear_model + "inputs = \"no.csv\"\n" + time_section +
                                "[output]\nobservables = \"norm\"\nparameters = 1\n");
  const std::string two = call({"check", "two.toml"}, scratch.path).err;
  CHECK(two.find("no.csv") < two.find("output.observables"));
  CHECK(two.find("output.parameters") != std::string::npos);
  // Of a model that is not known, its keys cannot be judged; all else can.
  scratch.write("model.toml", "[model]\nname = \"mlp\"\nwidths = 3\n[tim]\nend = 1\n");
  const std::string model = call({"check", "model.toml"}, scratch.path).err;
  CHECK(std::count(model.begin(), model.end(), '\n') == 2);
  CHECK(model.find("tim: unknown section; did you mean \"time\"?") != std::string::npos);
  CHECK(model.find("did you mean \"multilayer_perceptron\"?") != std::string::npos);

  std::string many = good;
  for (int k = 0; k < 14; ++k) many += "key" + std::to_string(k) + "x = 1\n";
  scratch.write("many.toml", many);
  const Finished refused = call({"run", "many.toml"}, scratch.path);
  check_refused(refused, 10);
  CHECK(refused.err.ends_with("gradflow: ... and 5 more\n"));
}

TEST_CASE("Words of an option need no quotes, in a file they are told to") {
  const Scratch scratch;
  scratch.write("good.toml", good);
  const auto resolved = [&](const std::string& option) {
    return call_ok({"check", "good.toml", "--set", option}, scratch.path).out;
  };
  CHECK(resolved("solver.method=dopri5").find("method = \"dopri5\"") != std::string::npos);
  CHECK(resolved("output.observables=[norm, train_error]")
            .find("observables = [\"norm\", \"train_error\"]") != std::string::npos);
  CHECK(resolved("study.solver.method=[cvode,dopri5]")
            .find("\"solver.method\" = [\"cvode\", \"dopri5\"]") != std::string::npos);
  const auto says = [&](const std::string& config, const std::string& word) {
    scratch.write("bad.toml", config);
    const std::string err = call({"check", "bad.toml"}, scratch.path).err;
    CAPTURE(err, word);
    CHECK(err.find(word) != std::string::npos);
  };
  says("[model]\nname = linear_regression\n", "a text needs quotes: \"linear_regression\"");
  says(good + "[output]\nobservables = [norm]\n", "a text needs quotes: \"norm\"");
  says(good + "[solver]\nverify = True\n", "\"True\" is no value; did you mean true?");
  says(two_layer + "activation = \"ReLU\"\n" + time_section, "did you mean \"relu\"?");
}

TEST_CASE("--overwrite removes results of any config, and nothing where there is anything else") {
  const Scratch scratch;
  scratch.write("good.toml", good);
  const auto run = [&](const std::vector<std::string>& more) {
    std::vector<std::string> words{"run", "good.toml", "--out", "r", "--quiet"};
    words.insert(words.end(), more.begin(), more.end());
    return call(words, scratch.path);
  };
  CHECK(run({"--overwrite"}).code == 0);  // nothing is there yet
  check_one_line(run({"--set", "seed=1"}), "holds results of another config");
  call_ok({"plot", "r"}, scratch.path);
  CHECK(run({"--set", "seed=1", "--overwrite"}).code == 0);
  CHECK_FALSE(fs::exists(scratch / "r" / "figure.png"));
  check_one_line(run({"--overwrite", "--resume"}), "--overwrite does not go with");
  scratch.write("r/notes.txt", "mine");
  check_one_line(run({"--overwrite"}), "notes.txt: is no result of gradflow's");
  CHECK(fs::exists(scratch / "r" / "result.nc"));
  fs::create_directory(scratch / "r2");
  fs::copy(scratch / "r" / "result.nc", scratch / "r2" / "result.nc");
  check_one_line(call({"run", "good.toml", "--out", "r2", "--overwrite"}, scratch.path),
                 "holds no results of gradflow");
}

TEST_CASE("help explains a command, as --help does behind it") {
  const Scratch scratch;
  CHECK(call_ok({"help", "run"}, scratch.path).out == call_ok({"run", "--help"}, scratch.path).out);
  CHECK(call_ok({"help"}, scratch.path).out == call_ok({"--help"}, scratch.path).out);
  check_one_line(call({"help", "rnu"}, scratch.path), "did you mean \"run\"?");
}

TEST_CASE("A result file is drawn as its folder is, and a study that is not over as far as it is") {
  const Scratch scratch;
  scratch.write("study.toml", good + "[study]\nseed = [0, 1, 2]\n");
  call_ok({"run", "study.toml", "--out", "s"}, scratch.path);
  CHECK(call_ok({"plot", "s/result.nc"}, scratch.path).out == "s/figure.png\n");
  fs::remove(scratch / "s" / "figure.png");
  fs::remove(scratch / "s" / "result.nc");  // as while it runs, or where it was killed
  const Finished plot = call_ok({"plot", "s"}, scratch.path);
  CHECK(plot.out == "s/figure.png\n");
  CHECK(plot.err == "s: 0 of 3 points are not there yet\n");
  CHECK(fs::exists(scratch / "s" / "figure.png"));
  CHECK_FALSE(fs::exists(scratch / "s" / "result.nc"));
}
