# A conversation, piped and on a terminal, and what ends it.

export PEFTLAB_METHODS=$PEFTLAB_BUILD/methods PEFTLAB_HOME=$PWD/cache OMP_WAIT_POLICY=PASSIVE
. "$PEFTLAB_ROOT/tests/cli/toy.sh"
make_toy
talk() { python3 "$PEFTLAB_ROOT/tests/cli/talk.py" "$@"; }
chat=("$PEFTLAB" chat model --max-new-tokens 4)

# Piped: answers alone, one for each line.
printf 'the dog\nthe road\n' >said
"${chat[@]}" <said >out 2>err || failed "piped"
is "$(wc -l <out)" -eq 2

# On a terminal Ctrl-C at the prompt begins the line anew, and the conversation goes on.
expect 0 talk '["the dog", "^C", "^C", "the road", "/new", "the dog", "/quit"]' "${chat[@]}"
holds out 'Ctrl-C stops an answer' 'Ctrl-D or /quit ends.'
is "$(grep -c '^> the road' out)" -eq 1
is "$(grep -c '^Ctrl-D or /quit ends' out)" -eq 2
expect 0 talk '["the dog", "^D"]' "${chat[@]}"
expect 0 talk '["the dog", "TERM"]' "${chat[@]}"
