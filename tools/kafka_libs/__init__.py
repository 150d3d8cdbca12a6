# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""What tools/kafka is made of: jars, processes, the wire, clusters, security."""


class Failure(Exception):
    """What went wrong, for a person to read, and the exit code that says it to a program."""

    def __init__(self, message, code=1):
        super().__init__(message)
        self.code = code


UNAVAILABLE = 77
"""Exit code: no Java, no Maven or no Maven Central here; tests that need a broker are skipped on it."""
NOT_UP = 3
"""Exit code: there is no cluster in the directory, or it does not answer."""
