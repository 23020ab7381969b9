using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Vitrine.Editor")]
[assembly: InternalsVisibleTo("Vitrine.Tests")]
