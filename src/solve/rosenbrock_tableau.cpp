#include "solve/rosenbrock_tableau.hpp"

#include <initializer_list>

namespace gradflow {
namespace {

using Rows = std::initializer_list<std::initializer_list<double>>;

// Rows may be shorter than s: what is left out is zero.
Matrix matrix(int rows, int cols, Rows entries) {
  Matrix result = Matrix::Zero(rows, cols);
  Index i = 0;
  for (const auto& row : entries) {
    Index j = 0;
    for (double value : row) result(i, j++) = value;
    ++i;
  }
  return result;
}

Vector vector(int size, std::initializer_list<double> entries) {
  Vector result = Vector::Zero(size);
  Index i = 0;
  for (double value : entries) result[i++] = value;
  return result;
}

// In the Rodas family the last stage is evaluated at the embedded solution: y₁ = (argument of the
// last stage) + k_s, so that m is the last row of a with a one appended and err = k_s.
void set_stiffly_accurate_weights(RosenbrockTableau& tableau) {
  const Index last = tableau.stages - 1;
  tableau.m = tableau.a.row(last).transpose();
  tableau.m[last] = 1;
  tableau.e = Vector::Unit(tableau.stages, last);
}

// Coefficients of RODAS5P: OrdinaryDiffEq.jl, lib/OrdinaryDiffEqRosenbrock, to which Steinebach
// contributed them.
RosenbrockTableau make_rodas5p() {
  RosenbrockTableau tableau{"RODAS5P", 8, 5, 4, 0.21193756319429014, {}, {}, {}, {}, {}, {}, {}};
  tableau.a =
      matrix(8, 8,
             {{},
              {3},
              {2.849394379747939, 0.45842242204463923},
              {-6.954028509809101, 2.489845061869568, -10.358996098473584},
              {2.8029986275628964, 0.5072464736228206, -0.3988312541770524, -0.04721187230404641},
              {-7.502846399306121, 2.561846144803919, -11.627539656261098, -0.18268767659942256,
               0.030198172008377946},
              {-7.502846399306121, 2.561846144803919, -11.627539656261098, -0.18268767659942256,
               0.030198172008377946, 1},
              {-7.502846399306121, 2.561846144803919, -11.627539656261098, -0.18268767659942256,
               0.030198172008377946, 1, 1}});
  tableau.C =
      matrix(8, 8,
             {{},
              {-14.155112264123755},
              {-17.97296035885952, -2.859693295451294},
              {147.12150275711716, -1.41221402718213, 71.68940251302358},
              {165.43517024871676, -0.4592823456491126, 42.90938336958603, -5.961986721573306},
              {24.854864614690072, -3.0009227002832186, 47.4931110020768, 5.5814197821558125,
               -0.6610691825249471},
              {30.91273214028599, -3.1208243349937974, 77.79954646070892, 34.28646028294783,
               -19.097331116725623, -28.087943162872662},
              {37.80277123390563, -3.2571969029072276, 112.26918849496327, 66.9347231244047,
               -40.06618937091002, -54.66780262877968, -9.48861652309627}});
  tableau.c = vector(8, {0, 0.6358126895828704, 0.4095798393397535, 0.9769306725060716,
                         0.4288403609558664, 1, 1, 1});
  tableau.d = vector(8, {0.21193756319429014, -0.42387512638858027, -0.3384627126235924,
                         1.8046452872882734, 2.325825639765069, 0, 0, 0});
  tableau.h =
      matrix(3, 8,
             {{25.948786856663858, -2.5579724845846235, 10.433815404888879, -2.3679251022685204,
               0.524948541321073, 1.1241088310450404, 0.4272876194431874, -0.17202221070155493},
              {-9.91568850695171, -0.9689944594115154, 3.0438037242978453, -24.495224566215796,
               20.176138334709044, 15.98066361424651, -6.789040303419874, -6.710236069923372},
              {11.419903575922262, 2.8879645146136994, 72.92137995996029, 80.12511834622643,
               -52.072871366152654, -59.78993625266729, -0.15582684282751913, 4.883087185713722}});
  set_stiffly_accurate_weights(tableau);
  return tableau;
}

// The paper gives α, Γ, b and b̂ to 17 digits (PETSc has the same); a, C, m, e follow by
// the relations in the header, worked out with 40 digits and rounded. γ is the root 0.4358… of
// γ³ − 3γ² + 3γ/2 − 1/6. Dense output: PETSc's b_i(θ) = B_i0 θ + B_i1 θ² + B_i2 θ³ with b_i(1) =
// b_i is θ b_i + θ(1 − θ)(−B_i1 − B_i2 − θ B_i2), which gives the two rows of HΓ.
RosenbrockTableau make_ros34pw2() {
  RosenbrockTableau tableau{"ROS34PW2", 4, 3, 2, 0.43586652150845900, {}, {}, {}, {}, {}, {}, {}};
  tableau.a = matrix(4, 4,
                     {{},
                      {2},
                      {1.41921731745576465, -0.259232211672969714},
                      {4.18476048231916073, -0.285192017355495914, 2.29428036027904172}});
  tableau.C = matrix(4, 4,
                     {{},
                      {-4.58856072055808349},
                      {-4.18476048231916073, 0.285192017355495914},
                      {-6.36817920012835776, -6.79562094446683618, 2.87009860433105609}});
  set_stiffly_accurate_weights(tableau);
  tableau.e = vector(4, {0.27774994764796811, -1.40323989517599902, 1.77263012766755075, 0.5});
  tableau.c = vector(4, {0, 0.87173304301691801, 0.73157995778885238, 1});
  tableau.d = vector(4, {0.43586652150845900, -0.43586652150845900, -0.413333376233886494, 0});
  tableau.h = matrix(
      2, 4,
      {{-3.35210145916477711, -1.17642931976916226, -2.29428036027903701, -3.3981200751955809},
       {1.16868274135557203, -5.90438364205317299, 7.45865932488913318, 2.10383971491653907}});
  return tableau;
}

}  // namespace

void RosenbrockTableau::dense_weights(double theta, VectorRef w) const {
  // Horner in θ over the rows of h.
  w.setZero();
  for (Index row = h.rows() - 1; row >= 0; --row) w = theta * w + h.row(row).transpose();
  w = theta * (m + (1 - theta) * w);
}

const RosenbrockTableau& rodas5p() {
  static const RosenbrockTableau tableau = make_rodas5p();
  return tableau;
}

const RosenbrockTableau& ros34pw2() {
  static const RosenbrockTableau tableau = make_ros34pw2();
  return tableau;
}

}  // namespace gradflow
