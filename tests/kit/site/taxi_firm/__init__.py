"""A third party's connector of class D: a taxi firm's booking form, which keeps no key of ours and cannot be searched."""
