// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "millrace/stream/detail/builder.ipp"
#include "millrace/stream/detail/stream.ipp"
#include "millrace/stream/detail/table.ipp"
