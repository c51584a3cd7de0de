"""One sync: which days are asked, of which campaigns, what became of each, and the state that follows."""
