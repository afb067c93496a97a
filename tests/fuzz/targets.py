"""The readers that are fuzzed."""

import fuzz_csv
import fuzz_design
import fuzz_json
import fuzz_npz
import fuzz_run_file
import fuzz_settings

TARGETS = (
    fuzz_csv.TARGET,
    fuzz_npz.TARGET,
    fuzz_settings.TARGET,
    fuzz_design.DESIGN,
    fuzz_design.ARGUMENTS,
    fuzz_run_file.TARGET,
    fuzz_json.TARGET,
)
