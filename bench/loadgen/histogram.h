#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace loadgen {

// Counts durations in log-linear buckets: each power of two is cut into 64 equal parts, so a
// percentile is at most 1.6 % above the true value, from one nanosecond to centuries, in constant
// memory and without allocating.
class Histogram {
 public:
  // In nanoseconds.
  void Record(std::uint64_t nanoseconds);
  void Merge(const Histogram& other);

  std::uint64_t count() const { return count_; }
  std::uint64_t max_ns() const { return max_ns_; }
  std::uint64_t min_ns() const { return count_ == 0 ? 0 : min_ns_; }
  double mean_ns() const;
  // The smallest bucket's upper end below which `fraction` (0..1) of all values lie, never above
  // max_ns(). 0 when empty.
  std::uint64_t PercentileNs(double fraction) const;

 private:
  static constexpr int kSubBucketBits = 6;
  static constexpr std::size_t kSubBuckets = std::size_t{1} << kSubBucketBits;
  static constexpr std::size_t kBuckets = (64 - kSubBucketBits + 1) * kSubBuckets;

  static std::size_t BucketOf(std::uint64_t value);
  static std::uint64_t UpperEnd(std::size_t bucket);

  std::array<std::uint64_t, kBuckets> buckets_{};
  std::uint64_t count_ = 0;
  std::uint64_t max_ns_ = 0;
  std::uint64_t min_ns_ = UINT64_MAX;
  double sum_ns_ = 0;
};

}  // namespace loadgen
