# compilers.sh - no other compiler warns of anything; sourced by check
#
# clang, and gcc with the highest optimization and checks of buffer sizes, which let it
# see more. What is said of PostgreSQL's headers and about its own options is not ours.

run_compilers()
{
	local compiler

	heading "other compilers"
	for compiler in clang gcc; do
		step bash -c "$(declare -f inside_compiler); inside_compiler \"\$@\"" compiler "$compiler"
		verdict $? "$compiler does not warn"
	done
}

inside_compiler()
{
	local tree=$TMPDIR/$1 program

	# the server's options come behind COPT, so these have to come behind them
	case $1 in
		clang) program='clang "$$@" -Wno-unknown-warning-option -Wno-ignored-optimization-argument -Wno-ignored-attributes' ;;
		gcc) program='gcc "$$@" -O3 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3' ;;
	esac
	mkdir "$tree"
	tar -cf - --exclude='*.o' --exclude='*.so' --exclude=./tmp_check --exclude=./results . | tar -C "$tree" -xf - &&
		"$1" --version | head -n 1 &&
		make -s -C "$tree" -j "$(nproc)" "CC=bash -c 'exec $program' compiler" COPT=-Werror
}
