"""How far two answers to the same item lie apart: in [0, 1], symmetric, 0 for equal answers.

One module a family. Each has `parse`, from the text of one answer to a hashable canonical value
(ValueError with half a sentence when it is none), and a frozen class made by `of` from the V
distinct values, whose `between(left, right)` measures pairs of them by index.
"""
