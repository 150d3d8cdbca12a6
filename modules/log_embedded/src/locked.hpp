// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

namespace millrace::log::embedded {

/// The right to append to the journal and to change the tables of the control file. Functions that
/// need it take it as a parameter. Two things are such a right: the writer lock while it is held
/// (WriterLock::Held), and having the log for oneself (Alone). It is passed by reference and kept
/// by the function or object that obtained it.
class Locked {
 public:
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;

 protected:
  Locked() = default;
  Locked(Locked&&) noexcept = default;
  ~Locked() = default;
};

}  // namespace millrace::log::embedded
