"""The contract that sources inherit tells what was unequal, as tests of its own would."""

import pytest

pytest.register_assert_rewrite("source_contract")
