"""How far the answers of different people agree, beyond chance, with intervals."""
