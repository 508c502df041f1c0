# The notebooks, executed from start to end on runs of a toy. One whose packages are absent is named and left out.

export PEFTLAB_METHODS=$PEFTLAB_BUILD/methods PEFTLAB_HOME=$PWD/cache OMP_WAIT_POLICY=PASSIVE MPLBACKEND=Agg
python=${PEFTLAB_PEER_PYTHON:-python3}
. "$PEFTLAB_ROOT/tests/cli/toy.sh"
make_toy
for seed in 0 1; do
  expect 0 "$PEFTLAB" run toy.json --seed "$seed" --out "runs/toy/$seed" --quiet
  expect 0 "$PEFTLAB" run toy.json --seed "$seed" --out "runs/scaled/$seed" --quiet --set /method=ia3
done
export PEFTLAB PEFTLAB_RUNS=$PWD/runs PEFTLAB_RUN=$PWD/runs/toy/0 CMAKE CMAKE_GENERATOR=Ninja PATH=${NINJA%/*}:$PATH

num_run=0
for notebook in "$PEFTLAB_ROOT"/notebooks/*.ipynb; do
  status=0
  "$python" "$PEFTLAB_ROOT/tests/cli/run_notebook.py" "$notebook" >out 2>err || status=$?
  case $status in
    0) num_run=$((num_run + 1)); tail -n 1 out ;;
    77) tail -n 1 out ;;
    *) failed "$notebook: exit status $status" ;;
  esac
done
is "$num_run" -gt 0

# What the runner is for: a cell that fails, and outputs that were kept.
cat >broken.ipynb <<'JSON'
{ "cells": [ { "cell_type": "code", "execution_count": null, "outputs": [], "source": ["assert 1 == 2, 'wrong'"] } ] }
JSON
expect 1 "$python" "$PEFTLAB_ROOT/tests/cli/run_notebook.py" broken.ipynb
holds err 'broken.ipynb, code cell 1' 'wrong'
sed 's/null/3/' broken.ipynb >kept.ipynb
expect 1 "$python" "$PEFTLAB_ROOT/tests/cli/run_notebook.py" kept.ipynb
holds err 'outputs are kept'
