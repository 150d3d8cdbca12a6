// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/codec/same_type.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace millrace::codec {
namespace {

bool is_same(const EnumeratorInfo& a, const EnumeratorInfo& b) {
  return a.name == b.name && a.value == b.value;
}

class Comparison {
 public:
  bool is_same(const TypeInfo& a, const TypeInfo& b) {
    if (&a == &b) return true;
    const bool is_alike = a.name == b.name && a.kind == b.kind && a.size == b.size &&
                          a.alignment == b.alignment && a.transparent == b.transparent &&
                          std::equal(a.event_types.begin(), a.event_types.end(),
                                     b.event_types.begin(), b.event_types.end());
    if (!is_alike) return false;
    // A type may hold itself: what is being compared further up counts as the same here.
    const std::pair<const TypeInfo*, const TypeInfo*> pair(&a, &b);
    if (std::find(begun_.begin(), begun_.end(), pair) != begun_.end()) return true;
    begun_.push_back(pair);
    return same_fields(a, b) && same_enumerators(a, b) && same_elements(a, b) &&
           same_alternatives(a, b);
  }

 private:
  bool same_fields(const TypeInfo& a, const TypeInfo& b) {
    return std::equal(a.fields.begin(), a.fields.end(), b.fields.begin(), b.fields.end(),
                      [this](const FieldInfo& x, const FieldInfo& y) {
                        return x.name == y.name && x.offset == y.offset && x.as_text == y.as_text &&
                               is_same(x.type(), y.type());
                      });
  }

  static bool same_enumerators(const TypeInfo& a, const TypeInfo& b) {
    if ((a.fallback == nullptr) != (b.fallback == nullptr)) return false;
    if (a.fallback != nullptr && !codec::is_same(*a.fallback, *b.fallback)) return false;
    return std::equal(
        a.enumerators.begin(), a.enumerators.end(), b.enumerators.begin(), b.enumerators.end(),
        [](const EnumeratorInfo& x, const EnumeratorInfo& y) { return codec::is_same(x, y); });
  }

  bool same_elements(const TypeInfo& a, const TypeInfo& b) {
    if (a.element == nullptr || b.element == nullptr) return a.element == b.element;
    return is_same(a.element(), b.element());
  }

  bool same_alternatives(const TypeInfo& a, const TypeInfo& b) {
    return std::equal(a.alternatives.begin(), a.alternatives.end(), b.alternatives.begin(),
                      b.alternatives.end(),
                      [this](const auto x, const auto y) { return is_same(x(), y()); });
  }

  std::vector<std::pair<const TypeInfo*, const TypeInfo*>> begun_;
};

}  // namespace

bool is_same_type(const TypeInfo& a, const TypeInfo& b) { return Comparison().is_same(a, b); }

}  // namespace millrace::codec
