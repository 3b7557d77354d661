# instructions.sh - the cost of a lookup, without a clock; sourced by check
#
# bench/instructions counts, and compares with bench/instructions.txt, which holds
# for the versions that it names. --store writes that file again.

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
