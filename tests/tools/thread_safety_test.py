# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""tools/thread_safety refuses code that uses a guarded member without its mutex, and passes code that holds it."""
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
CHECK = ROOT / "tools" / "thread_safety"

COUNTER = """
#include "millrace/base/mutex.hpp"
class Counter {
 public:
  void add();
  void wait();
 private:
  void add_locked() MILLRACE_REQUIRES(mutex_) { ++count_; }
  millrace::Mutex mutex_;
  millrace::CondVar changed_;
  int count_ MILLRACE_GUARDED_BY(mutex_) = 0;
};
"""
SHARED = """
#include "millrace/base/mutex.hpp"
class Table {
 public:
  int read();
  void write();
 private:
  millrace::SharedMutex mutex_;
  int value_ MILLRACE_GUARDED_BY(mutex_) = 0;
};
"""


class ThreadSafetyTest(unittest.TestCase):
    def check(self, code):
        directory = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, directory)
        path = directory / "code.cpp"
        path.write_text(code)
        return subprocess.run([CHECK, path], capture_output=True, text=True, check=False)

    def assert_passes(self, code):
        outcome = self.check(code)
        self.assertEqual(outcome.returncode, 0, outcome.stdout + outcome.stderr)

    def assert_refused(self, code, reason):
        outcome = self.check(code)
        self.assertEqual(outcome.returncode, 1, outcome.stdout + outcome.stderr)
        self.assertIn(reason, outcome.stderr)

    def test_a_member_is_used_under_its_mutex(self):
        self.assert_passes(COUNTER + "void Counter::add() { const millrace::MutexLock lock(mutex_); ++count_; }")

    def test_a_member_without_its_mutex_is_refused(self):
        self.assert_refused(COUNTER + "void Counter::add() { ++count_; }", "requires holding mutex 'mutex_'")

    def test_a_function_that_needs_the_mutex_is_refused_without_it(self):
        self.assert_refused(COUNTER + "void Counter::add() { add_locked(); }", "requires holding mutex 'mutex_'")

    def test_a_mutex_taken_twice_is_refused(self):
        twice = "const millrace::MutexLock first(mutex_); const millrace::MutexLock second(mutex_);"
        self.assert_refused(COUNTER + "void Counter::add() { " + twice + " }", "is already held")

    def test_a_wait_holds_the_mutex_before_and_after(self):
        wait = "millrace::MutexLock lock(mutex_); while (count_ == 0) changed_.wait(lock); --count_;"
        self.assert_passes(COUNTER + "void Counter::wait() { " + wait + " }")

    def test_a_lock_that_was_released_holds_nothing(self):
        released = "millrace::MutexLock lock(mutex_); lock.unlock(); --count_;"
        self.assert_refused(COUNTER + "void Counter::wait() { " + released + " }", "requires holding mutex 'mutex_'")

    def test_a_shared_lock_lets_read_and_not_write(self):
        self.assert_passes(SHARED + "int Table::read() { const millrace::SharedLock lock(mutex_); return value_; }")
        self.assert_passes(SHARED + "void Table::write() { const millrace::UniqueLock lock(mutex_); value_ = 1; }")
        self.assert_refused(
            SHARED + "void Table::write() { const millrace::SharedLock lock(mutex_); value_ = 1; }",
            "requires holding mutex 'mutex_' exclusively",
        )


if __name__ == "__main__":
    if shutil.which("clang++-19") is None:
        print("skipped: there is no clang++-19 (apt-get install clang-19)")
        sys.exit(77)
    unittest.main()
