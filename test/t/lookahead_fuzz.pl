# Random statements have the same effect with look-ahead as without, and leave nothing
# behind. This is the first half of them; lookahead_fuzz_more.pl has the second.
#
#   make installcheck REGRESS= PROVE_TESTS='test/t/lookahead_fuzz.pl :: --count 10000 --seed 7'
#
#   --count N     number of statements (1000; 10000 with PGCARES_DEEP)
#   --seed TEXT   other statements; the default is always the same
#   --first N     begin with statement N of this seed: with --count 1, run it alone
#   --show        print each statement before it runs
#   --tolerate KIND  tolerate this kind of difference, or "all": see Difference.pm

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../fuzz";
use Trial;

Trial::run(1, 2);
