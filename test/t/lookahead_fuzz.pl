# Random statements do the same with look-ahead as without it, and leave nothing
# behind. This is the first half of them; lookahead_fuzz_more.pl has the second.
#
#   make installcheck REGRESS= PROVE_TESTS='test/t/lookahead_fuzz.pl :: --count 10000 --seed 7'
#
#   --count N     how many statements (1000; 10000 with PGCARES_DEEP)
#   --seed TEXT   other ones; by default it is always the same
#   --first N     begin with the Nth of this seed: alone with --count 1
#   --show        print each statement before it runs
#   --tolerate KIND  let this kind of difference through, or "all": see Difference.pm

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../fuzz";
use Trial;

Trial::run(1, 2);
