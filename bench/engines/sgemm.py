# SPDX-License-Identifier: Apache-2.0
"""sgemm.py: numpy's matrix product alone, the floor of an exact search of many queries. It finds nothing, so it has no recall."""
import numpy as np

from engines.base import EXACT_EFFORTS, Engine


class Sgemm(Engine):
    """queries x rows, nothing kept."""

    name, package, effort_name, efforts, most_queries, soak_effort, most_soak = "sgemm alone", "numpy", "", EXACT_EFFORTS, 50, 0, 100
    has_answers = False

    def build(self):
        return {"build": (0.0, 0.0)}

    def open(self):
        self.turned = np.ascontiguousarray(self.data.base()[:].T)

    def one(self, query, k):
        np.matmul(query[None], self.turned)
        return []

    def many(self, queries, k):
        """The product."""
        np.matmul(queries, self.turned)
        return []
