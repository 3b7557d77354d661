# The second half of the random statements of lookahead_fuzz.pl.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../fuzz";
use Trial;

Trial::run(2, 2);
