# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""The rules of tools/tidy, by what they look at: code, layout, text."""
