# What `peftlab check` prints and how it ends.

expect 0 "$PEFTLAB" check last_layer --model llama
holds out 'kept     base' 'kept     gradients' 'allowed,' 'last_layer: every promise is kept'
awk 'length($0) > 80 { exit 1 }' out || failed 'a line is longer than 80 columns'
expect 0 "$PEFTLAB" check last_layer --model llama --json
holds out '"kept": true' '"promise": "gradients"' '"verdict": "kept"' '"largest_difference"' '"allowed"'

sinner=$PEFTLAB_BUILD/tests/sinners/sinner.so
if [ -f "$sinner" ]; then
  expect 1 "$PEFTLAB" check "$sinner" --set sin=leak --model llama
  holds out 'BROKEN   sequences' "promised: a sequence's result depends on nothing but its past" 'sinner: promises are broken' \
    "untried  accumulation   'sequences' is broken"
  expect 1 "$PEFTLAB" check "$sinner" --set sin=merge --model llama --json
  holds out '"kept": false' '"verdict": "broken"' 'logits of the merged model'
  expect 0 "$PEFTLAB" check "$sinner" --set sin=none --model llama --verbose
  holds out 'tried    llama'
  expect 2 "$PEFTLAB" check "$sinner" --set sni=none
  holds err "unknown key; did you mean 'sin'?"
  expect 2 "$PEFTLAB" check "$sinner" --set sin=throw
  holds err 'out of ideas' "$sinner"
  expect 2 "$PEFTLAB" check "$sinner" --set sin/none=1
  holds err 'expected an option of the method'
fi
expect 2 "$PEFTLAB" check no_such_method
holds err "no method 'no_such_method'"
expect 2 "$PEFTLAB" check last_layer --model lama
holds err "'lama' is no architecture kind"
expect 2 "$PEFTLAB" check ./nothing.so
holds err './nothing.so'

# What can be found out about a method is shown with it.
expect 0 "$PEFTLAB" methods
holds out 'fills parameters, starts as the base model, merges'
awk 'length($0) > 80 && $0 !~ /^\// && $0 !~ /^  \// { exit 1 }' out || failed 'a line is longer than 80 columns'
expect 0 "$PEFTLAB" methods last_layer --json
holds out '"mergeable": true' '"peft_type": null' '"on_quantised_base": false' '"starts_as_identity": true'

# A name that is wider than its column stands above what is said of it.
expect 0 "$PEFTLAB" methods lora
is "$(grep -A 1 '^  trainable_token_indices' out)" = "  trainable_token_indices
                      any, not set"
# No method promises the table where it refuses it.
holds out 'which matrices are filled, and the embedding table'
expect 0 "$PEFTLAB" methods adalora
holds out 'which matrices are filled; []: query and value'
