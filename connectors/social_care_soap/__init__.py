"""Social care: Casebrook, a SOAP referral service of the Windows era (an invented product), read and written."""
