// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

namespace millrace {

template <class Signature>
class FunctionRef;

/// A parameter type for callbacks that are used only during a call. It refers to a function or
/// function object, which must outlive it. It does not allocate, and a copy costs two pointers.
/// Never empty. Like std::function_ref of C++26 (P0792).
///
///     void each(FunctionRef<bool(int)> visit);
///     each([&](int number) { return sum += number, true; });
template <class R, class... A>
class FunctionRef<R(A...)> {
 public:
  template <class F>
    requires(!std::same_as<std::remove_cvref_t<F>, FunctionRef> &&
             std::is_invocable_r_v<R, std::remove_reference_t<F>&, A...>)
  FunctionRef(F&& fn)  // NOLINT(google-explicit-constructor)
      : call_([](Target target, A... arguments) -> R {
          if constexpr (is_function<F>) {
            return std::invoke_r<R>(reinterpret_cast<std::decay_t<F>>(target.function),
                                    std::forward<A>(arguments)...);
          } else {
            return std::invoke_r<R>(*static_cast<std::remove_reference_t<F>*>(target.object),
                                    std::forward<A>(arguments)...);
          }
        }) {
    if constexpr (is_function<F>) {
      target_.function = reinterpret_cast<void (*)()>(&fn);
    } else {
      target_.object = const_cast<void*>(static_cast<const void*>(std::addressof(fn)));
    }
  }

  R operator()(A... arguments) const { return call_(target_, std::forward<A>(arguments)...); }

 private:
  template <class F>
  static constexpr bool is_function = std::is_function_v<std::remove_reference_t<F>>;
  union Target {
    void* object;
    void (*function)();
  };

  Target target_;
  R (*call_)(Target, A...);
};

}  // namespace millrace
