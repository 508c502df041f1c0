"""Worked out with SciPy and NumPy, apart from peftlab: reads scores, prints what statistics should say of them.

Input, one JSON object: {"a": [[...], ...], "b": [[...], ...], "p_values": [...]} with a and b as (seeds, items).
"""
import json
import sys

import numpy as np
from scipy import stats

given = json.load(sys.stdin)
a, b = np.array(given["a"], float), np.array(given["b"], float)


def mean_squares(y):
    """By least squares on dummy variables, not by the formulas for balanced layouts."""
    seeds, items = y.shape
    s, i = np.meshgrid(np.arange(seeds), np.arange(items), indexing="ij")

    def rss(*columns):
        x = np.column_stack([np.ones(y.size), *columns])
        fit = x @ np.linalg.lstsq(x, y.ravel(), rcond=None)[0]
        return float(((y.ravel() - fit) ** 2).sum())

    seed_columns = [(s.ravel() == k).astype(float) for k in range(1, seeds)]
    item_columns = [(i.ravel() == k).astype(float) for k in range(1, items)]
    full = rss(*seed_columns, *item_columns)
    return {
        "seeds": (rss(*item_columns) - full) / (seeds - 1),
        "items": (rss(*seed_columns) - full) / (items - 1),
        "rest": full / ((seeds - 1) * (items - 1)),
    }


first, second = a[0], b[0]
only_a, only_b = int(((first == 1) & (second == 0)).sum()), int(((first == 0) & (second == 1)).sum())
p = np.array(given["p_values"])
order = np.argsort(p, kind="stable")
adjusted = np.empty_like(p)
adjusted[order] = np.minimum(1, np.maximum.accumulate((len(p) - np.arange(len(p))) * p[order]))
print(json.dumps({
    "mean_squares": mean_squares(a),
    "difference_mean_squares": mean_squares(a - b),
    "mcnemar_p": stats.binomtest(min(only_a, only_b), only_a + only_b).pvalue,
    "holm": adjusted.tolist(),
    "paired_t_p": float(stats.ttest_rel(first, second).pvalue),
    "wilson": list(stats.binomtest(int(first.sum()), first.size).proportion_ci(0.95, method="wilson")),
}))
