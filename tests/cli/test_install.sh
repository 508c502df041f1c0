# The installed prefix, moved after it was installed, and a method built outside the tree against it.

"$CMAKE" --install "$PEFTLAB_BUILD" --prefix "$PWD/installed" >install.log || failed "$(tail -n 5 install.log)"
mkdir 'moved here'
mv installed 'moved here/prefix'
prefix=$PWD/'moved here/prefix'

for path in bin/peftlab lib/libpeftlab.so lib/peftlab/methods/lora.so include/peftlab/method.h share/peftlab/experiments/models.json \
  share/peftlab/scripts/fetch.py lib/cmake/peftlab/peftlabConfig.cmake; do
  is -f "$prefix/$path"
done
is -z "$(find "$prefix/include" -name '*.cpp')"

# Nothing points back to the build or to where the prefix was.
for file in bin/peftlab lib/libpeftlab.so lib/peftlab/methods/lora.so; do
  readelf -d "$prefix/$file" >dynamic
  lacks dynamic "$PEFTLAB_BUILD"
  lacks dynamic "$PWD/installed"
  holds dynamic '$ORIGIN'
  ldd "$prefix/$file" >libraries
  lacks libraries 'not found'
done
ldd "$prefix/bin/peftlab" >libraries
holds libraries "moved here/prefix/bin/../lib/libpeftlab.so"
expect 0 "$prefix/bin/peftlab" --help

# CMake breaks its messages into lines wherever they happen to be long enough.
unbroken() { tr -s ' \n' ' ' <err >said; }

# A method of somebody else's, under a name of its own.
mkdir outside
sed 's/"last_layer"/"outside_method"/' "$PEFTLAB_ROOT/methods/last_layer.cpp" >outside/outside_method.cpp
cat >outside/CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.25)
project(outside LANGUAGES CXX)
find_package(peftlab 0.1 REQUIRED)
peftlab_add_method(outside_method outside_method.cpp)
END
outside() { env -u CMAKE_PREFIX_PATH -u Torch_DIR "$CMAKE" -G Ninja "-DCMAKE_MAKE_PROGRAM=$NINJA" -S outside "-Dpeftlab_DIR=$prefix/lib/cmake/peftlab" "$@"; }
expect 0 outside -B built -DCMAKE_BUILD_TYPE=Debug
expect 0 "$CMAKE" --build built
is -f built/outside_method.so
expect 0 env PEFTLAB_METHODS="$PWD/built" "$prefix/bin/peftlab" methods
cat out err >both
holds both outside_method

# An experiment outside the prefix names models, tasks and texts of the prefix, or of PEFTLAB_EXPERIMENTS.
installed() { env -u PEFTLAB_ROOT -u PEFTLAB_EXPERIMENTS PEFTLAB_METHODS="$PWD/built" "$@"; }
cat >own.json <<'END'
{ "about": "outside", "model": "smollm2-135m-instruct", "task": "roads", "method": "outside_method",
  "train": { "max_steps": 2, "learning_rate": 1e-3 } }
END
expect 0 installed "$prefix/bin/peftlab" run --dry-run own.json
holds out 'smollm2-135m-instruct of models.json' "$prefix/share/peftlab/experiments/tasks/roads.json" 'nothing was started'
expect 0 installed "$prefix/bin/peftlab" new-method m2
expect 0 installed "$prefix/bin/peftlab" run --dry-run m2/m2.json --set /method=outside_method
holds out 'smollm2-135m-instruct of models.json' 'nothing was started'
mkdir lists
echo '{ "mine": {} }' >lists/models.json
given=(--set /model=mine --set "/task=$prefix/share/peftlab/experiments/tasks/roads.json" --set /evaluate/forgetting=false)
expect 0 installed PEFTLAB_EXPERIMENTS="$PWD/lists" "$prefix/bin/peftlab" run --dry-run own.json "${given[@]}"
holds out 'mine of models.json'
expect 2 installed "$prefix/bin/peftlab" run --dry-run own.json "${given[@]}"
holds err "there is no model 'mine'"

# What can not work is said when it is configured or linked.
mkdir -p other/share/cmake/Torch other/share/cmake/Caffe2 other/lib
echo 'set(PACKAGE_VERSION "2.7.0")' >other/share/cmake/Torch/TorchConfigVersion.cmake
touch other/share/cmake/Torch/TorchConfig.cmake other/share/cmake/Caffe2/Caffe2Targets.cmake other/lib/libtorch_cpu.so other/lib/libtorch.so
expect 1 outside -B other-torch "-DTorch_DIR=$PWD/other/share/cmake/Torch"
unbroken
holds said 'a method and its host share one'
sed -i 's/2.7.0/1.13.1/' other/share/cmake/Torch/TorchConfigVersion.cmake
expect 1 outside -B old-torch "-DTorch_DIR=$PWD/other/share/cmake/Torch"
unbroken
holds said 'peftlab needs 2.6 or newer'
sed -i 's/^peftlab_add_method.*/peftlab_add_method(Bad-Name outside_method.cpp)/' outside/CMakeLists.txt
expect 1 outside -B bad-name
unbroken
holds said "got the name 'Bad-Name', expected small letters"
