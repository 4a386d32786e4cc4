#include "store/sqlite/claim_log.hpp"

#include "store/sqlite/id_list.hpp"

namespace understudy::store::sqlite {

namespace {

// So few ids are not worth writing anew.
constexpr std::size_t slack = 4096;

}  // namespace

void claim_log::ends(std::int64_t batch) {
  const auto found = batches_.find(batch);
  if (found != batches_.end() && --found->second.open == 0) over_.push_back(batch);
}

void claim_log::write(const std::function<std::int64_t()>& draw) {
  for (const std::int64_t batch : over_) sql_.delete_claim.run(batch);
  if (listed_ > running_.all().size() * 4 + slack) shrink();
  if (fresh_.empty()) return;
  written_ = draw();
  sql_.insert_claim.run(written_, bytes_of(fresh_));
  for (const std::int64_t id : fresh_) running_.written(id, written_);
  batches_[written_] = {fresh_.size(), fresh_.size()};
  listed_ += fresh_.size();
}

void claim_log::shrink() {
  std::map<std::int64_t, std::vector<std::int64_t>> open;
  for (const auto& [id, claim] : running_.all()) open[claim.batch].push_back(id);
  for (auto& [number, each] : batches_) {
    if (each.open == 0 || each.listed < each.open * 2) continue;
    const auto& ids = open[number];
    sql_.update_claim.run(bytes_of(ids), number);
    listed_ -= each.listed - ids.size();
    each.listed = ids.size();
  }
}

void claim_log::commit() {
  for (const std::int64_t batch : over_) {
    const auto found = batches_.find(batch);
    if (found == batches_.end()) continue;
    listed_ -= found->second.listed;
    batches_.erase(found);
  }
  over_.clear();
  fresh_.clear();
  written_ = 0;
}

void claim_log::rollback() {
  if (const auto found = batches_.find(written_); found != batches_.end()) {
    listed_ -= found->second.listed;
    batches_.erase(found);
  }
  for (auto& [number, each] : batches_) each.open = 0;
  for (const auto& [id, claim] : running_.all()) {
    if (const auto found = batches_.find(claim.batch); found != batches_.end()) {
      ++found->second.open;
    }
  }
  over_.clear();
  fresh_.clear();
  written_ = 0;
}

}  // namespace understudy::store::sqlite
