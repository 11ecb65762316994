"""The pages: pure functions make the sentences and the drawing, templates only place them."""
