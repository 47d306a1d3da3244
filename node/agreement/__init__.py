"""The signed agreement of a round: what it says (`terms`) and its one byte form (`manifest`)."""
