# instructions.sh - what a lookup costs, without a clock; sourced by check
#
# bench/instructions counts, and compares with bench/instructions.txt, which counts
# for the versions that it names. With --store it is written anew.

run_instructions()
{
	local status

	heading "instructions per lookup"
	step bench/instructions ${store:+--store}
	status=$?
	[ "$status" != 77 ] || return
	if [ -z "$store" ]; then
		verdict "$status" "a lookup takes no more instructions than before"
	else
		verdict "$status" "what a lookup takes is stored"
		[ "$status" != 0 ] || cat "$work/tree/bench/instructions.txt" > "$repository/bench/instructions.txt"
	fi
}
