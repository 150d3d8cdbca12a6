#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""What the year must come to when nothing is short: counted from the file with no code of the system.

    zstd -dc examples/retail/data/online-retail.csv.zst | tests/retail/year.py [LIMIT] > tests/retail/ample_LIMIT.json
"""
import csv
import json
import sys
from collections import Counter
from decimal import Decimal


def main():
    limit = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    invoices = {}
    for row in csv.DictReader(line.replace("\0", "") for line in sys.stdin):
        invoices.setdefault(row["InvoiceNo"], []).append(row)
    counts, revenue, refunds = Counter(), Counter(), Counter()
    for number, rows in list(invoices.items())[: limit or None]:
        counts["invoices"] += 1
        total = sum(abs(int(row["Quantity"])) * int(Decimal(row["UnitPrice"]) * 1000) for row in rows)
        if number.startswith("A"):
            counts["dead_lettered"] += 1
        elif number.startswith("C"):
            counts["returns"] += 1
            refunds[rows[0]["Country"]] += total
        elif any(int(row["Quantity"]) < 0 for row in rows):
            counts["write_offs"] += 1
        else:
            counts["orders"] += 1
            counts["lines"] += len(rows)
            revenue[rows[0]["Country"]] += total
    print(json.dumps({
        "invoices": counts["invoices"], "orders": counts["orders"], "completed": counts["orders"], "rejected": 0,
        "rejected_by": {"out_of_stock": 0, "packing_failed": 0, "payment_declined": 0},
        "returns": counts["returns"], "write_offs": counts["write_offs"], "dead_lettered": counts["dead_lettered"],
        "lines": counts["lines"],
        "revenue_milli": {country: value for country, value in sorted(revenue.items()) if value},
        "refunds_milli": {country: value for country, value in sorted(refunds.items()) if value},
    }, indent=1, ensure_ascii=False))  # fmt: skip


main()
