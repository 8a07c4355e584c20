#pragma once

// One benchmark: its rows, measured in interleaved rounds, and the ratios between them.
//
// Absolute times change from minute to minute with the machine, so a goal is a ratio inside one run. In a round every
// row is measured once, with the gate (a floor) before and after it: G a G b G c G. A measurement around which the gate
// moved by more than 20 % is dropped and the round repeated, three times as many rounds as asked for at most. A ratio
// is the median over the rounds in which both of its rows were kept.

#include "harness/histogram.hpp"
#include "harness/options.hpp"
#include "harness/result.hpp"

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace ringfleet::bench {

// What one measurement of one row brought. Of `ops_per_s` and `facts` the median over the rounds is reported, the
// histograms are added.
struct Sample {
  Histogram latency;
  double ops_per_s = 0;
  std::map<std::string, double> facts;
};

// How long to measure, and on which cores.
struct Slice {
  double seconds;
  int client_core;
  int server_core;
};

struct Row {
  std::string name;
  Parameters parameters;
  std::function<Sample(const Slice&)> measure;
  std::string missing{}; // why it cannot be measured here; empty when it can
};

class Experiment {
public:
  // `gate`: the floor that decides which measurements count.
  Experiment(std::string name, Options options, Row gate);

  // A row that is missing is said to be, in the result and on stderr, and its ratios are left out.
  void add(Row row);
  // Both are names of rows; `suffix` tells apart what else the rows differ in ("@bytes=64", "@bytes=8,readers=3"): of
  // several rows of a name the first whose parameters agree with it is meant. A name may have such a suffix of its own.
  void add_ratio(std::string numerator, std::string denominator, RatioKind kind, std::string suffix = {});

  // Measures, prints, and returns the exit code of the program: 1 when a row failed, which is printed.
  [[nodiscard]] int run();

private:
  struct Measurement {
    bool kept = false;
    Sample sample;
    double gate_p50_ns = 0; // mean of before and after
  };
  using Round = std::vector<Measurement>; // one a row; the gate is row 0

  struct Ratio {
    std::string numerator;
    std::string denominator;
    RatioKind kind;
    std::string suffix;
  };

  [[nodiscard]] Sample measure(const Row& row, double part_of_slice) const;
  void measure_round();
  [[nodiscard]] bool enough() const;
  [[nodiscard]] std::size_t index_of(const std::string& name, const std::string& suffix) const;
  [[nodiscard]] RowResult row_result(std::size_t row) const;
  [[nodiscard]] RatioResult ratio_result(const Ratio& ratio) const;
  [[nodiscard]] Result result() const;

  std::string name_;
  Options options_;
  std::vector<Row> rows_;
  std::vector<Row> missing_;
  std::vector<Ratio> ratios_;
  std::vector<Round> rounds_;
};

} // namespace ringfleet::bench
