# A project for a new method: written, built as it stands, checked, listed; names and folders that are refused.

expect 0 "$PEFTLAB" new-method my_idea
holds out my_idea/my_idea.cpp my_idea/CMakeLists.txt my_idea/my_idea.json my_idea/README.md 'cmake -B build'
is "$(ls my_idea | wc -l)" -eq 4
lacks my_idea/my_idea.cpp '@'
lacks my_idea/CMakeLists.txt '@'
lacks my_idea/my_idea.json '@'
holds my_idea/my_idea.cpp 'class MyIdea final' 'PEFTLAB_METHOD(MyIdea, "my_idea"'

expect 0 env -u CMAKE_PREFIX_PATH -u Torch_DIR "$CMAKE" -G Ninja "-DCMAKE_MAKE_PROGRAM=$NINJA" -S my_idea -B my_idea/build
begin=$(date +%s)
expect 0 "$CMAKE" --build my_idea/build
echo "built in $(($(date +%s) - begin)) s"
is -f my_idea/build/my_idea.so
expect 0 "$PEFTLAB" check my_idea/build/my_idea.so
holds out 'kept     gradients' 'my_idea: every promise is kept'
lacks out BROKEN
(cd my_idea/build && expect 0 "$PEFTLAB" check my_idea.so --model qwen3)

# Found by its name where PEFTLAB_METHODS says, and then the name is taken.
expect 0 env PEFTLAB_METHODS="$PWD/my_idea/build" "$PEFTLAB" methods my_idea
holds out 'outputs of matrices scaled by trained factors' 'equal to the base model' 'into the model' 'dense and quantised' 'all-linear'
expect 2 env PEFTLAB_METHODS="$PWD/my_idea/build" "$PEFTLAB" new-method my_idea elsewhere
holds err "there is a method 'my_idea' already"
is ! -e elsewhere

# The experiment is one that can be read: nothing but the model is missing here.
expect 2 env PEFTLAB_METHODS="$PWD/my_idea/build" "$PEFTLAB" run --dry-run my_idea/my_idea.json --set /method/targtes=all-linear
holds err "unknown key; did you mean 'targets'?"

expect 2 "$PEFTLAB" new-method my_idea
holds err 'my_idea: exists already and is not written over'
: >a_file
expect 2 "$PEFTLAB" new-method another a_file
holds err 'a_file: exists already'
for name in My_idea 1st my-idea ../up '' "$(printf 'a%.0s' $(seq 41))"; do
  expect 2 "$PEFTLAB" new-method "$name" refused
  is ! -e refused
done
holds err 'cannot name a method; expected a small letter'
expect 0 "$PEFTLAB" new-method deeper new/folders/deeper
is -f new/folders/deeper/deeper.cpp
if [ "$(id -u)" -ne 0 ]; then
  mkdir forbidden && chmod a-w forbidden
  expect 1 "$PEFTLAB" new-method nowhere forbidden/nowhere
  holds err 'cannot be made'
fi
