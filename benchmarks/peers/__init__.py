"""The trainers that benchmarks.bench_train compares, a file each. Each is run as a process of its own.

`exchange` is what they have in common with the benchmark. `compresso_elsa` runs under another interpreter, so these two
import nothing of ours.
"""
