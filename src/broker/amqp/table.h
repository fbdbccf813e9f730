// AMQP field tables: optional arguments of declarations, client properties.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "broker/amqp/library.h"

namespace gorgon::broker::amqp {

/// Builds a table and owns what it points to. Neither copied nor moved: get() points inside.
class Table {
 public:
  Table() = default;
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  void set(const char* key, std::string text) {
    strings_.push_back(std::move(text));
    add(key, AMQP_FIELD_KIND_UTF8).value.bytes = to_bytes(strings_.back());
  }
  void set(const char* key, std::int64_t number) {
    add(key, AMQP_FIELD_KIND_I64).value.i64 = number;
  }
  void set_true(const char* key) { add(key, AMQP_FIELD_KIND_BOOLEAN).value.boolean = 1; }
  /// `table` must outlive this one and not change any more.
  void set(const char* key, Table& table) {
    add(key, AMQP_FIELD_KIND_TABLE).value.table = table.get();
  }
  [[nodiscard]] amqp_table_t get() {
    return {.num_entries = static_cast<int>(entries_.size()), .entries = entries_.data()};
  }

 private:
  amqp_field_value_t& add(const char* key, amqp_field_value_kind_t kind) {
    entries_.push_back({.key = amqp_cstring_bytes(key),
                        .value = {.kind = static_cast<std::uint8_t>(kind), .value = {}}});
    return entries_.back().value;
  }
  std::vector<amqp_table_entry_t> entries_;
  std::deque<std::string> strings_;  ///< A deque: what points into it stays valid.
};

}  // namespace gorgon::broker::amqp
